"""Where settings come from: default, ecompulse.toml, environment, flag; the later wins, and each value remembers its source."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecompulse.run.errors import Refused
from ecompulse.run.rules import check
from ecompulse.run.settings import BY_NAME, DECLARED, Declared, Settings

FILE = "ecompulse.toml"
PREFIX = "ECOMPULSE_"
TEST_PREFIX = "ECOMPULSE_TEST_"  # where tests find servers; not a setting


@dataclass(frozen=True, slots=True)
class Given:
    """One setting's text and where it was said: default, ecompulse.toml, environment or flag."""

    declared: Declared
    text: str
    source: str

    @property
    def shown(self) -> str:
        """The text as it may be printed: the password of a secret's URL masked."""
        return mask(self.text) if self.declared.secret else self.text


@dataclass(frozen=True, slots=True)
class Read:
    """All settings, checked, and each one's text and source."""

    settings: Settings
    given: tuple[Given, ...]

    def by_default(self, name: str) -> bool:
        """Whether nobody said what this setting is to be."""
        return any(g.source == "default" for g in self.given if g.declared.name == name)

    def environment(self) -> dict[str, str]:
        """What a child process must find in its environment to read the same settings: all that came from the command line."""
        return {g.declared.variable: g.text for g in self.given if g.source in ("flag", "command")}


def read(
    flags: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    defaults: Mapping[str, str] | None = None,
) -> Read:
    """Read and check all settings.

    Args:
        flags: values by setting name, as given on the command line.
        environment: by default that of this process.
        folder: where ecompulse.toml is looked for; by default the working folder.
        defaults: what a command has as defaults instead of the declared ones.

    Raises:
        Refused: naming the setting, its source, what is wrong, and the nearest known name of an unknown one.
    """
    chosen = {d.name: Given(d, d.default, "default") for d in DECLARED}
    for name, value in (defaults or {}).items():
        chosen[name] = Given(BY_NAME[name], value, "command")
    for name, value in _from_file((folder or Path.cwd()) / FILE).items():
        chosen[name] = Given(BY_NAME[name], value, FILE)
    for name, value in _from_environment(os.environ if environment is None else environment).items():
        chosen[name] = Given(BY_NAME[name], value, "environment")
    for name, value in (flags or {}).items():
        chosen[name] = Given(BY_NAME[name], value, "flag")
    settings = Settings(**{name: _value(given) for name, given in chosen.items()})
    check(settings)
    return Read(settings, tuple(chosen.values()))


def mask(secret: str) -> str:
    """Hide the user's password in every URL of a text: postgresql://shop:hidden@host becomes postgresql://shop:••••@host."""
    masked = re.sub(r"(://[^:/@\s]*:)[^@/\s]+(@)", r"\1••••\2", secret)
    return re.sub(r"((?:password|secret|token|key)[^=&\s]*=)[^&\s,]+", r"\1••••", masked, flags=re.IGNORECASE)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that a person most likely meant; of a short list that is always one."""
    return max(known, key=lambda candidate: difflib.SequenceMatcher(None, name, candidate).ratio())


def _value(given: Given) -> Any:
    try:
        return given.declared.read(given.text)
    except ValueError as error:
        name = {"flag": given.declared.flag, FILE: f"{given.declared.name} in {FILE}"}.get(given.source, given.declared.variable)
        raise Refused(f"{name} is {given.shown!r}, but {error}.", given.declared.help) from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable.startswith(TEST_PREFIX):
            continue
        name = variable[len(PREFIX) :].lower()
        if name not in BY_NAME:
            meant = nearest(variable, [d.variable for d in DECLARED])
            raise Refused(f"There is no setting {variable} (in the environment).", f"Did you mean {meant}? `ecompulse settings` lists all.")
        found[name] = value
    return found


def _from_file(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise Refused(f"{path} cannot be read: {error}.", 'It holds lines such as: collect = "127.0.0.1:8080"') from None
    for name in content:
        if name not in BY_NAME:
            raise Refused(
                f"There is no setting {name} ({path}).", f"Did you mean {nearest(name, BY_NAME)}? `ecompulse settings` lists all."
            )
    return {name: _toml_text(path, name, value) for name, value in content.items()}


def _toml_text(path: Path, name: str, value: object) -> str:
    if isinstance(value, list):
        return ",".join(_toml_text(path, name, part) for part in value)
    if isinstance(value, str | int | float):
        return str(value)
    raise Refused(f"{name} in {path} is a {type(value).__name__}, but wants text, a number or a list.", BY_NAME[name].help)
