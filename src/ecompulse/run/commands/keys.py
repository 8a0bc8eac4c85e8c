"""The commands keys create, list and revoke."""

from __future__ import annotations

from typing import Literal

from ecompulse.run import flags, lock
from ecompulse.run.errors import NOT_SO, Refused
from ecompulse.run.flags import NONE_GIVEN, Given, Json
from ecompulse.run.tables import print_json, print_table


def create(
    site: str, /, *, role: Literal["write", "read", "admin"] = "write", note: str = "", json: Json = False, settings: Given = NONE_GIVEN
) -> int:
    """Make a key for a site. It is shown this once; only its hash is kept.

    Args:
        site: The site whose events the key sends or reads.
        role: write sends events, read asks questions, admin may do both and erase.
        note: What the key is for, in your words.
    """
    from ecompulse.guard import keys

    data = flags.read(settings).settings.data
    lock.make_folder(data)
    try:
        secret, key = keys.create(data, site, role, note)
    except ValueError as error:
        raise Refused(f"No key was made: {error}.", "An example: ecompulse keys create my-shop --role write") from None
    except keys.KeysUnreadable as error:
        raise Refused(str(error), status=NOT_SO) from None
    if json:
        print_json({"key": secret, "id": key.id, "site": key.site, "role": key.role, "created_at": key.created_at, "note": key.note})
    else:
        print(f"{secret}\n\n  This is the {role} key {key.id} of {site}. It is not kept and cannot be shown again.")
        print("  A sender or reader shows it as the header X-Api-Key.")
    return 0


def show(*, json: Json = False, settings: Given = NONE_GIVEN) -> int:
    """List the keys: their ids, never the keys themselves."""
    from ecompulse.guard import keys

    data = flags.read(settings).settings.data
    try:
        found = keys.load(data)
    except keys.KeysUnreadable as error:
        raise Refused(str(error), status=NOT_SO) from None
    if json:
        print_json([{"id": k.id, "site": k.site, "role": k.role, "created_at": k.created_at, "note": k.note} for k in found])
    else:
        rows = [(k.id, k.site, k.role, k.created_at, k.note) for k in found]
        print_table(
            ("id", "site", "role", "created", "note"), rows, f"No keys in {data}. Make one: ecompulse keys create my-shop --role write"
        )
    return 0


def revoke(id: str, /, *, settings: Given = NONE_GIVEN) -> int:  # noqa: A002 — the word of the field
    """Take a key back. Collectors notice within a second.

    Args:
        id: The key's id, as `ecompulse keys list` shows it.
    """
    from ecompulse.guard import keys

    data = flags.read(settings).settings.data
    if not keys.revoke(data, id):
        raise Refused(f"There is no key {id} in {data}.", "`ecompulse keys list` shows the ids.", NOT_SO)
    print(f"Revoked {id}.")
    return 0
