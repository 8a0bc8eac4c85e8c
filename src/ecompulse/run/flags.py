"""The flags that every command takes: one for each setting, made from its declaration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import make_dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from ecompulse.observe import logs
from ecompulse.run import sources
from ecompulse.run.settings import DECLARED
from ecompulse.run.sources import Read

SETTINGS_GROUP = Group("Settings", sort_key=2, help="Each is also ECOMPULSE_<NAME> in the environment and <name> in ecompulse.toml.")
Json = Annotated[bool, Parameter(name="--json", negative=(), show_default=False, help="Print JSON, for programs.")]

if TYPE_CHECKING:

    class SettingFlags:
        """The settings that were given as flags, as text; made below from the declaration."""

else:
    SettingFlags = make_dataclass(
        "SettingFlags",
        [
            (d.name, Annotated[str, Parameter(name=d.flag, help=f"{d.help} [default: {d.default or 'none'}]", show_default=False)], "")
            for d in DECLARED
        ],
        frozen=True,
        namespace={"__module__": __name__},  # cyclopts takes classes of the module types, where this one would be, for plain values
    )

Given = Annotated[SettingFlags, Parameter(name="*", group=SETTINGS_GROUP)]
NONE_GIVEN = SettingFlags()


def read(flags: SettingFlags, defaults: Mapping[str, str] | None = None) -> Read:
    """All settings, with the flags that were given; `defaults` are a command's own."""
    return sources.read({d.name: getattr(flags, d.name) for d in DECLARED if getattr(flags, d.name)}, defaults=defaults)


def begin(flags: SettingFlags, role: str, defaults: Mapping[str, str] | None = None) -> Read:
    """Read the settings and set up logging as they say, for a command that stays."""
    found = read(flags, defaults)
    logs.configure(found.settings.log_level, found.settings.log_format, role)
    return found
