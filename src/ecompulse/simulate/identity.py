"""Who and where, as text: the ids of a block's sessions and visitors, and the addresses they come from."""

from __future__ import annotations

from dataclasses import dataclass

from ecompulse.simulate.block import Block
from ecompulse.simulate.numbers import key, mixed, random_uuids, uuid_texts
from ecompulse.simulate.options import Plan
from ecompulse.simulate.shoppers import COUNTRIES

_HOSTS = 253
_DUAL_STACK = 3
"""Of four visitors of a country with a /24, one still comes over IPv6."""


@dataclass(frozen=True, slots=True)
class People:
    """The texts of each session of a block; `anonymous` is empty where the mix knows everybody."""

    user: list[bytes]
    anonymous: list[bytes]
    session: list[bytes]
    address: list[bytes]


class Identity:
    """The ids of a run: visitors are the same people in every run of a seed, sessions belong to its start as well."""

    def __init__(self, plan: Plan) -> None:
        self._user, self._anonymous = key(plan.seed, "user"), key(plan.seed, "anonymous")
        self._session = key(plan.seed, plan.start_ms, plan.mix, "session")

    def of(self, block: Block) -> People:
        """The texts of a block's sessions."""
        sessions = block.sessions
        if block.names == "user":
            user, anonymous = [b"user_%03d" % number for number in sessions.visitor.tolist()], []
        else:
            user = uuid_texts(random_uuids(sessions.visitor, self._user))
            anonymous = uuid_texts(random_uuids(sessions.visitor, self._anonymous))
        hosts = mixed(sessions.visitor, self._anonymous).tolist()
        address = [_address(country, host) for country, host in zip(sessions.country.tolist(), hosts, strict=True)]
        return People(user, anonymous, uuid_texts(random_uuids(sessions.number, self._session)), address)


_NETWORKS = [(country.ipv4.encode() if country.ipv4 else None, country.ipv6.encode()) for country in COUNTRIES]


def _address(country: int, host: int) -> bytes:
    ipv4, ipv6 = _NETWORKS[country]
    if ipv4 is not None and host & 3 < _DUAL_STACK:
        return b"%s%d" % (ipv4, 1 + (host >> 8) % _HOSTS)
    return b"%s%x:%x" % (ipv6, host >> 16 & 0xFFFF, host >> 32 & 0xFFFF)
