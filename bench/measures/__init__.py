"""The measurements, one module a subject; each takes a `Setting` and gives figures."""

from collections.abc import Callable
from typing import Final

from bench import rooms
from bench.figures import Figure
from bench.measures import door, end_to_end, footprint, generator, growth, latency, live, memory, peers, processing, questions, recovery
from bench.run_of import Setting

MEASURES: Final[dict[str, Callable[[Setting], list[Figure]]]] = {
    "single": door.single,
    "batched": door.batched,
    "end-to-end": end_to_end.end_to_end,
    "ack": latency.acknowledged,
    "fresh": latency.fresh,
    "live": live.live,
    "processing": processing.processing,
    "duplicates": processing.duplicates,
    "generator": generator.generator,
    "footprint": footprint.footprint,
    "memory": memory.memory,
    "questions": questions.questions,
    "growth": growth.growth,
    "recovery": recovery.recovery,
    "peers": peers.peers,
    "rooms": lambda _setting: rooms.rooms(),
}
