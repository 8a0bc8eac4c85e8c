"""The command simulate: a synthetic shop, sent to a collector, a folder or standard output."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

Shown = Parameter(show_default=False, negative=())


def simulate(
    *,
    seed: int = 1,
    events: Annotated[int | None, Shown] = None,
    rate: Annotated[str | None, Shown] = None,
    start: Annotated[str | None, Shown] = None,
    mix: Annotated[str | None, Shown] = None,
    to: Annotated[str, Parameter(allow_leading_hyphen=True)] = "-",
    truth: Annotated[str | None, Shown] = None,
    duplicates: str = "0%",
    late: str = "0%",
    malformed: str = "0%",
    demo: Annotated[bool, Shown] = False,
) -> int:
    """Send a synthetic shop's events.

    Args:
        seed: The same seed and start give the same bytes.
        events: How many; without it, until it is stopped.
        rate: Events a second, or max; without it EVENTS_PER_SECOND of the environment, or 10.
        start: ISO 8601 time of the first event; without it they are today's.
        mix: shop (sessions of shoppers with intent), service (page views, clicks, API calls, errors) or catalogue (CSV columns).
        to: A collector's address, a folder (CSV files), or - for lines of JSON on standard output.
        truth: File to write what is true of the events to, for `ecompulse verify --truth`.
        duplicates: Share of events that are sent twice.
        late: Share of events that are sent up to days after their time.
        malformed: Share of events that must be rejected.
        demo: A lively shop with forty minutes behind it, as `ecompulse run --demo` starts it.
    """
    from ecompulse.simulate.options import Options
    from ecompulse.simulate.service import simulate as run_shop

    options = Options(
        seed=seed,
        events=events,
        rate=rate,
        start=start,
        mix=mix,
        to=to,
        truth=truth,
        duplicates=duplicates,
        late=late,
        malformed=malformed,
        demo=demo,
    )
    return run_shop(options, sys.stdout, sys.stderr)
