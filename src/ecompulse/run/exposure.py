"""Whether a port may be opened to other machines: only when there is a key that senders and readers can show."""

from __future__ import annotations

from ecompulse.run.errors import Refused
from ecompulse.run.settings import Settings


def must_have_keys_where_open(settings: Settings) -> None:
    """Refuse to bind an address that other machines can reach while no key can be used there.

    Raises:
        Refused: naming the command that makes a key.
    """
    opened = [
        (variable, address, role)
        for variable, address, role in (("ECOMPULSE_COLLECT", settings.collect, "write"), ("ECOMPULSE_SERVE", settings.serve, "read"))
        if not address.loopback
    ]
    if not opened:
        return
    from ecompulse.guard import keys  # only now: on loopback the supervisor does without what it imports

    known = keys.load(settings.data)
    for variable, address, role in opened:
        if not any(role in keys.MAY[key.role] for key in known):
            raise Refused(
                f"{variable} is {address}, which other machines can reach, but no key can {role} yet.",
                f"Make one: ecompulse keys create my-shop --role {role}    (or bind to 127.0.0.1, where no key is asked)",
            )
