"""The command line: which commands there are, how errors are said, and the exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from cyclopts import App, CycloptsError, Group

import ecompulse
from ecompulse.run.ending import status_of
from ecompulse.run.errors import Refused

EPILOGUE = "Exit status: 0, 1 (it is not so, or it failed), 2 (used wrongly). --debug shows the traceback of an error."

RUNNING, STORED, SETTING_UP = Group("Running", sort_key=1), Group("What is stored", sort_key=2), Group("Setting up", sort_key=3)


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        name: as typed; two words when it is one of a family, such as keys create.
        target: its function, under ecompulse.run.commands; imported when the command is called.
        group: under which heading --help lists it.
        summary: one line for that list.
        examples: command lines that work.
    """

    name: str
    target: str
    group: Group
    summary: str
    examples: tuple[str, ...]


COMMANDS: tuple[Command, ...] = (
    Command(
        "run",
        "roles:run",
        RUNNING,
        "Run everything: collector, processing, store, dashboard.",
        ("ecompulse run --demo", "ecompulse run --data /var/lib/ecompulse --collectors 2"),
    ),
    Command("collect", "roles:collect", RUNNING, "Run a collector alone: HTTP in, durable log out.", ("ecompulse collect --partition 0",)),
    Command(
        "process",
        "roles:process",
        RUNNING,
        "Run processing alone: the log to rows, with dashboard and API.",
        ("ecompulse process --serve 127.0.0.1:8081",),
    ),
    Command(
        "serve",
        "roles:serve",
        RUNNING,
        "Run dashboard and API alone, on a store that is a server.",
        ("ecompulse serve --store postgresql://shop@db.internal/ecompulse",),
    ),
    Command(
        "simulate",
        "simulate:simulate",
        RUNNING,
        "Send a synthetic shop's events, and write down what is true of them.",
        (
            "ecompulse simulate --seed 7 --events 100000 --rate max --to http://127.0.0.1:8080 --truth truth.json",
            "ecompulse simulate --mix service --rate 10 --to -",
        ),
    ),
    Command(
        "verify",
        "verifying:verify",
        STORED,
        "Recompute every sum, close the ledger, compare with a truth file.",
        ("ecompulse verify", "ecompulse verify --against-log", "ecompulse verify --truth truth.json"),
    ),
    Command(
        "dead-letters list",
        "letters:show_all",
        STORED,
        "List events that were not taken, and why.",
        ("ecompulse dead-letters list", "ecompulse dead-letters list --by-reason", "ecompulse dead-letters list --reason currency --json"),
    ),
    Command("dead-letters show", "letters:show", STORED, "Show one dead letter whole.", ("ecompulse dead-letters show 0-1042",)),
    Command(
        "dead-letters export",
        "letters:export",
        STORED,
        "Write dead letters as NDJSON to be edited and replayed.",
        ("ecompulse dead-letters export --field properties.currency > letters.ndjson",),
    ),
    Command(
        "dead-letters replay",
        "letters:replay",
        STORED,
        "Send dead letters through the door again, corrected if need be.",
        (
            "ecompulse dead-letters replay 0-1042",
            "ecompulse dead-letters replay --field properties.currency --set properties.currency=EUR",
            "ecompulse dead-letters replay --file letters.ndjson",
        ),
    ),
    Command(
        "replay",
        "rebuilding:replay",
        STORED,
        "Rebuild the store from the log, all of it or what was received from one time to another, and use that.",
        ("ecompulse replay --into 2026-11", "ecompulse replay --from 2026-11-01 --to 2026-11-15T12:00:00Z --into 2026-11"),
    ),
    Command("schema show", "schema:show", STORED, "Show what an event is.", ("ecompulse schema show purchase",)),
    Command(
        "schema export",
        "schema:export",
        STORED,
        "Write the contract as JSON Schema, Avro, Arrow, SQL, TypeScript.",
        ("ecompulse schema export json-schema --to schemas",),
    ),
    Command(
        "schema check",
        "schema:check",
        STORED,
        "Check files of events, or this contract against the released ones.",
        ("ecompulse schema check events.ndjson", "ecompulse schema check"),
    ),
    Command(
        "settings",
        "setting_up:settings",
        SETTING_UP,
        "Show every setting, its value and where that came from.",
        ("ecompulse settings", "ecompulse settings --json"),
    ),
    Command(
        "doctor",
        "setting_up:doctor",
        SETTING_UP,
        "Look for what is wrong with this machine and data folder.",
        ("ecompulse doctor", "ecompulse doctor --repair"),
    ),
    Command(
        "keys create",
        "keys:create",
        SETTING_UP,
        "Make a key for a site, and show it this once.",
        ("ecompulse keys create my-shop --role write",),
    ),
    Command("keys list", "keys:show", SETTING_UP, "List the keys; never the keys themselves.", ("ecompulse keys list",)),
    Command(
        "keys revoke", "keys:revoke", SETTING_UP, "Take a key back; collectors notice within a second.", ("ecompulse keys revoke 3f9a1c20",)
    ),
)

FAMILIES = {
    "dead-letters": (STORED, "Events that were not taken, with their reason and bytes."),
    "schema": (STORED, "What an event is: the contract."),
    "keys": (SETTING_UP, "Who may send events for which site, and who may read."),
}


def application() -> App:
    """All commands. Each is imported when it is called, so that --help and the supervisor load none of the heavy rooms."""
    app = App(
        name="ecompulse",
        help="Real-time commerce analytics in one command.\n\nStart with: ecompulse run --demo",
        help_format="plaintext",
        help_epilogue=EPILOGUE,
        version=ecompulse.__version__,
    )
    families = {name: App(name=name, group=group, help=says, help_format="plaintext") for name, (group, says) in FAMILIES.items()}
    for family in families.values():
        app.command(family)
    for command in COMMANDS:
        family_name, _, name = command.name.rpartition(" ")
        parent = families[family_name] if family_name else app
        examples = "".join(f"\n    {example}" for example in command.examples)
        parent.command(
            f"ecompulse.run.commands.{command.target}",
            name=name,
            help=command.summary,
            help_epilogue=f"Example:{examples}\n\n{EPILOGUE}",
            group=None if family_name else command.group,
        )
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end with its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    if debug:
        given.remove("--debug")
    sys.exit(status_of(lambda: _called(given), debug=debug))


def _called(arguments: list[str]) -> object:
    try:
        return application()(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        raise Refused(str(error).strip()) from error
