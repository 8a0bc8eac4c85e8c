"""Keys: who may write events for which site, and who may read. Kept hashed in `<data>/keys.json`."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, get_args
from urllib.parse import parse_qsl

import msgspec

Role = Literal["write", "read", "admin"]
"""`write` sends events, `read` asks questions, `admin` may do both and what changes or erases data."""
ROLES: Final[tuple[Role, ...]] = get_args(Role)
MAY: Final[dict[Role, frozenset[Role]]] = {
    "write": frozenset({"write"}), "read": frozenset({"read"}), "admin": frozenset({"write", "read", "admin"}),
}  # fmt: skip
"""What a key of a role may be used for."""

FILE: Final = "keys.json"
LOOK_SECONDS: Final = 1.0
"""How often the file is looked at for keys made or revoked meanwhile."""
CACHE_LIMIT: Final = 10_000
"""Presented keys whose hash is remembered; strangers' guesses are not."""
PRESENTED_LIMIT: Final = 256
"""Characters of a presented key that are looked at; ours have 43."""

QUERY_LIMIT: Final = 4_096
"""Characters of an address's query in which a key is looked for."""


class Key(msgspec.Struct, frozen=True):
    """A key as kept: never the key itself, only its SHA-256 (a random key of 192 bits needs no slow hash)."""

    id: str
    """What logs, ledger and people call it; not secret."""
    hash: str
    site: str
    role: Role
    created_at: str
    note: str = ""

    def may(self, role: Role) -> bool:
        """Whether the key can be used for `role`."""
        return role in MAY[self.role]


class _File(msgspec.Struct):
    version: int = 1
    keys: list[Key] = []


class KeysUnreadable(Exception):
    """The key file is damaged; the text says which and what to do."""


def create(data: Path, site: str, role: Role, note: str = "") -> tuple[str, Key]:
    """Make a key for a site and keep its hash. Returns the key, which is shown this once, and its entry.

    Raises:
        ValueError: the site's name or the role is not one that can be.
    """
    if not site or len(site) > 100 or not site.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise ValueError(f"the site {site!r} is not a name of letters, digits, dots, - and _, at most 100")
    if role not in ROLES:
        raise ValueError(f"the role {role!r} is not known: use one of {', '.join(ROLES)}")
    secret = f"ec_{role}_{secrets.token_urlsafe(24)}"
    entry = Key(secrets.token_hex(4), _hash(secret), site, role, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), note)
    _write(data, [*load(data), entry])
    return secret, entry


def revoke(data: Path, id: str) -> bool:  # noqa: A002 — the word of the field
    """Take a key out; collectors notice within a second. False where there is none of that id."""
    keys = load(data)
    left = [key for key in keys if key.id != id]
    if len(left) < len(keys):
        _write(data, left)
    return len(left) < len(keys)


def load(data: Path) -> list[Key]:
    """All keys of a data folder; none where there is no file.

    Raises:
        KeysUnreadable: the file is not what we wrote.
    """
    path = data / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File).keys
    except FileNotFoundError:
        return []
    except msgspec.DecodeError as wrong:
        raise KeysUnreadable(f"{path}: {wrong}. Restore it from a backup, or delete it and create the keys anew.") from None


def _write(data: Path, keys: list[Key]) -> None:
    """Replace the file in one step, so that no reader and no crash ever sees half of it."""
    data.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=data, prefix=".keys-")  # mkstemp: readable by the owner only
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(_File(keys=keys)), indent=2))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(data / FILE)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class Keys:
    """The keys of a data folder, followed as they change."""

    def __init__(self, data: Path) -> None:
        """Read the keys.

        Raises:
            KeysUnreadable: the file is damaged.
        """
        self._data = data
        self._looked_at = 0.0
        self._stamp: tuple[int, int] | None = None
        self._by_hash: dict[str, Key] = {}
        self._seen: dict[str, Key] = {}
        self._follow()

    @property
    def empty(self) -> bool:
        """Whether no key was ever made."""
        self._follow()
        return not self._by_hash

    def find(self, presented: str) -> Key | None:
        """The key that somebody presents, if it is one."""
        self._follow()
        key = self._seen.get(presented)
        if key is None and self._by_hash and len(presented) <= PRESENTED_LIMIT:
            key = self._by_hash.get(_hash(presented))
            if key is not None:
                if len(self._seen) >= CACHE_LIMIT:
                    self._seen.clear()
                self._seen[presented] = key
        return key

    def _follow(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS and self._looked_at:
            return
        self._looked_at = now
        try:
            status = (self._data / FILE).stat()
            stamp = (status.st_mtime_ns, status.st_ino)
        except FileNotFoundError:
            stamp = None
        if stamp != self._stamp:
            self._by_hash = {key.hash: key for key in load(self._data)}
            self._seen, self._stamp = {}, stamp


def presented(headers: Mapping[bytes, bytes], query: str = "") -> str | None:
    """The key that a request shows: `X-Api-Key`, Basic (as its user), Bearer, or `writeKey` in the address; None where it shows none."""
    key = headers.get(b"x-api-key")
    if key is not None:
        return key.decode("latin-1").strip()
    authorization = headers.get(b"authorization")
    if authorization is not None:
        return _authorized(authorization.decode("latin-1").strip())
    if "riteKey=" in query or "rite_key=" in query:
        for name, value in parse_qsl(query[:QUERY_LIMIT]):
            if name in ("writeKey", "write_key"):
                return value
    return None


def _authorized(header: str) -> str:
    """The key in an Authorization header; a header that is none of the known is a key that nobody has."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest.strip() + "=" * (-len(rest.strip()) % 4)).decode("utf-8").partition(":")[0]
        except ValueError:  # neither base64 nor UTF-8
            return rest
    return rest.strip() or scheme
