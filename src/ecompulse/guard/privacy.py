"""What must not reach the log: full IP addresses, and secrets or e-mail addresses in the query of an address."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Final, Literal

import pyarrow as pa
import pyarrow.compute as pc

from ecompulse.contract.columns import LOGGED

Addresses = Literal["truncated", "full", "none"]

MASK: Final = "[masked]"
SECRETS: Final = (
    "access_token", "api_key", "apikey", "auth", "authorization", "card", "cc", "client_secret", "code", "credential", "cvv", "email",
    "e-mail", "iban",
    "id_token", "jwt", "key", "mail", "otp", "pass", "passwd", "password", "phone", "pin", "pwd", "refresh_token", "reset_token",
    "secret", "session", "sessionid", "sid", "sig", "signature", "ssn", "tel", "token",
)  # fmt: skip
"""Names of query parameters whose values are masked."""
_NAMES: Final = "|".join(re.escape(name) for name in sorted(SECRETS, key=len, reverse=True))
_EMAIL: Final = r"[A-Za-z0-9._+\-]+(?:@|%40)[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+"
_SECRET_VALUE: Final = rf"(?i)([?&;#](?:[a-z0-9]+[_\-])?(?:{_NAMES})=)[^&#;\s\"\\]*"
ADDRESS_COLUMNS: Final = ("page_url", "referrer")

_EMAIL_ANYWHERE: Final = re.compile(_EMAIL.encode())
_SECRET_BYTES: Final = re.compile(_SECRET_VALUE.encode())
_EMAIL_BYTES: Final = re.compile(rb"([?&;#/][^\s\"\\]*?)" + _EMAIL.encode())
_IP_BYTES: Final = re.compile(rb'("(?:ip_address|ipAddress|ip|client_ip)"\s*:\s*")([0-9a-fA-F.:]{3,45})(")')


@lru_cache(maxsize=16_384)  # visitors of now; some 3 MB
def truncated(address: str) -> str | None:
    """The /24 of an IPv4 address, the /48 of an IPv6 address; None for what is no address."""
    usual = _IPV4.fullmatch(address)
    if usual is not None:
        return f"{usual[1]}.0"
    try:
        parsed = ipaddress.ip_address(address.strip())
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        if mapped is None:
            return str(ipaddress.IPv6Address(int(parsed) >> 80 << 80))
        parsed = mapped
    return str(ipaddress.IPv4Address(int(parsed) >> 8 << 8))


_PART: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4: Final = re.compile(rf"({_PART}\.{_PART}\.{_PART})\.{_PART}")


def scrub(batch: pa.RecordBatch, addresses: Addresses) -> pa.RecordBatch:
    """A batch of columns of `LOGGED` without what must not be kept; the same batch where it held nothing of the kind."""
    for name in ADDRESS_COLUMNS:
        place = batch.schema.get_field_index(name)
        if place >= 0 and batch.column(place).null_count < len(batch):
            column = batch.column(place)
            masked = mask_addresses(column)
            if masked is not column:
                batch = batch.set_column(place, LOGGED.field(name), masked)
    place = batch.schema.get_field_index("ip_address")
    if addresses != "full" and place >= 0 and batch.column(place).null_count < len(batch):
        short = pa.nulls(len(batch), pa.string()) if addresses == "none" else truncated_column(batch.column(place))
        batch = batch.set_column(place, LOGGED.field("ip_address"), short)
    return batch


_FEW: Final = 256
"""Up to so many addresses, going through them costs less than finding the distinct ones."""


def mask_addresses(column: pa.Array) -> pa.Array:
    """A text column of web addresses with secrets and e-mail addresses masked; the same array where there are none."""
    together = _joined(column)
    # Beyond ASCII, letters of other scripts may be taken for upper case: there Arrow decides alone.
    secrets = b"=" in together and (not together.isascii() or _SECRET_BYTES.search(together) is not None)
    emails = (b"@" in together or b"%40" in together) and _EMAIL_ANYWHERE.search(together) is not None
    if not secrets and not emails:  # of all addresses end to end, so not of one
        return column
    masked = pc.replace_substring_regex(column, _SECRET_VALUE, rf"\1{MASK}")
    return pc.replace_substring_regex(masked, _EMAIL, MASK)


def _joined(column: pa.Array) -> bytes:
    """The texts of a column end to end."""
    _, offsets, data = column.buffers()
    ends = memoryview(offsets).cast("i")
    joined: bytes = data[ends[column.offset] : ends[column.offset + len(column)]].to_pybytes()
    return joined


def truncated_column(column: pa.Array) -> pa.Array:
    """A text column of IP addresses, truncated; null where it was no address."""
    if len(column) <= _FEW:
        return pa.array([None if address is None else truncated(address) for address in column.to_pylist()], pa.string())
    encoded = column.dictionary_encode()
    short = pa.array([truncated(address) for address in encoded.dictionary.to_pylist()], pa.string())
    return short.take(encoded.indices)


def mask_bytes(body: bytes, addresses: Addresses = "truncated") -> bytes:
    """The bytes of a rejected event with the same things masked; everything else stays as it came."""
    body = _SECRET_BYTES.sub(rb"\1" + MASK.encode(), body)
    if b"@" in body or b"%40" in body:
        body = _EMAIL_BYTES.sub(rb"\1" + MASK.encode(), body)
    if addresses != "full":
        body = _IP_BYTES.sub(_short, body)
    return body


def _short(found: re.Match[bytes]) -> bytes:
    return found[1] + (truncated(found[2].decode("ascii")) or "").encode() + found[3]
