"""The measurements, one module a subject; each takes a `Setting` and gives figures."""

from collections.abc import Callable
from typing import Final

from bench.figures import Figure
from bench.measures import door, end_to_end
from bench.run_of import Setting

MEASURES: Final[dict[str, Callable[[Setting], list[Figure]]]] = {
    "single": door.single,
    "batched": door.batched,
    "end-to-end": end_to_end.end_to_end,
}
