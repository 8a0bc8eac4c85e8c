"""What one connection may take of us: bytes, requests, and time."""

from __future__ import annotations

from typing import Final

HEAD_BYTES_LIMIT: Final = 32 * 1024
"""Bytes of a request's line and headers: cookies of a shop reach 8 KB, and GA4 and pixels put events into the address."""
HEADERS_LIMIT: Final = 100
PIPELINE_LIMIT: Final = 256
"""Requests of one connection that may wait for their answers before we stop reading from it."""
UNREAD_ANSWERS_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of answers that a client has not read; more is not a client but an attack on our memory."""
HEAD_SECONDS: Final = 10.0
"""From a request's first byte to the end of its headers."""
BODY_SECONDS: Final = 20.0
"""From the end of the headers to the end of the body, and a second more for each `SLOWEST_BYTES` announced."""
SLOWEST_BYTES: Final = 32 * 1024
IDLE_SECONDS: Final = 75.0
"""Between requests: longer than load balancers' usual 60, so that they close first and never race with us."""
REFUSED_BODY_LIMIT: Final = 256 * 1024
"""Bytes of a refused body that are read and thrown away, so that its connection can go on; more would cost more than a new connection."""
LINGER_SECONDS: Final = 2.0
"""How long we go on reading (and throwing away) what a refused client still sends, so that it gets to see our answer (RFC 9112, 9.6)."""
