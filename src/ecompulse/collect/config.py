"""What a collector process is told: where it listens, where it writes, what it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from ecompulse.collect.body import BODY_LIMIT
from ecompulse.log.sqlite.append import FILE_BYTES

Addresses = Literal["truncated", "full", "none"]


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one collector. `run` makes it from its own; the names there are the same where they exist."""

    data: Path
    """Folder of log, keys and notification socket."""
    log: str = "sqlite:"
    """URL of the log."""
    partition: int = 0
    """The partition of the log that this process alone writes."""
    collectors: int = 1
    """How many processes share the port, each with a partition of its own."""
    host: str = "127.0.0.1"
    port: int = 8080
    keys_required: bool = False
    """Whether an event without a key is refused: true unless both ports are bound to loopback."""
    body_max: int = BODY_LIMIT
    """Bytes of the largest body, as sent and once decompressed."""
    ip_addresses: Addresses = "truncated"
    """How much of an IP address reaches the log."""
    key_events_per_second: float = 0.0
    """Events a second that one key (without key: one address) may send; 0 is no limit."""
    connections_max: int = 20_000
    """Connections open at once; each costs about 6 KB."""
    log_keep_time: float = 7 * 86400.0
    """Seconds that the log keeps what every store has."""
    log_keep_bytes: int = 20_000_000_000
    """Bytes of the log at which the door answers 503 rather than fill the disk."""
    log_file_bytes: int = FILE_BYTES
    """Bytes at which a new file of the log is begun."""
    log_level: str = "info"
    log_format: str = "auto"
