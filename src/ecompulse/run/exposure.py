"""Whether a port may be opened to other machines: only when senders and readers must show a key."""

from __future__ import annotations

from ecompulse.run.errors import Refused
from ecompulse.run.settings import Settings


def must_have_keys_where_open(settings: Settings) -> None:
    """Refuse to bind an address that other machines can reach while there is no key.

    Raises:
        Refused: naming the command that makes a key.
    """
    for variable, address, role in (("ECOMPULSE_COLLECT", settings.collect, "send"), ("ECOMPULSE_SERVE", settings.serve, "read")):
        if not address.loopback and not (settings.data / "keys.json").is_file():
            raise Refused(
                f"{variable} is {address}, which other machines can reach, but there is no key yet: everybody could {role}.",
                f"Make one: ecompulse keys create my-shop --role {role}    (or bind to 127.0.0.1)",
            )
