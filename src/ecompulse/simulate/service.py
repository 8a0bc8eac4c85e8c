"""`ecompulse simulate`: generates, paces, sends, and writes down what was true."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import BinaryIO, TextIO, cast

import numpy as np

from ecompulse.simulate import catalogue, steady, vocabulary
from ecompulse.simulate.block import Block
from ecompulse.simulate.catalogue import Product
from ecompulse.simulate.csv_rows import CsvRows
from ecompulse.simulate.faults import Faults, Sending
from ecompulse.simulate.identity import Identity
from ecompulse.simulate.json_rows import JsonRows
from ecompulse.simulate.options import OptionError, Options, Plan, plan
from ecompulse.simulate.outputs import Folder, Lines, Output, SendError
from ecompulse.simulate.pace import Schedule
from ecompulse.simulate.progress import Progress
from ecompulse.simulate.rows import Form, Writer
from ecompulse.simulate.shop import Shop
from ecompulse.simulate.truth import Truth
from ecompulse.simulate.vocabulary import Vocabulary

TICK_SECONDS = 0.02
"""Events that fall due within it are sent together."""
LOOK_SECONDS = 0.5
"""How often an idle run looks after its output."""


def simulate(options: Options, stdout: BinaryIO | TextIO, stderr: TextIO) -> int:
    """Run the synthetic shop until it has sent what was asked for, or is asked to stop (SIGTERM, SIGINT).

    Returns 0 when all was sent and, with `--truth`, the truth is written; 1 when not; 2 when the options cannot be followed.
    """
    try:
        agreed = plan(options)
        output = _output(agreed, stdout, stderr)
    except (OptionError, SendError) as error:
        print(f"simulate: {error}", file=stderr)
        return 2
    with _stop_signals() as stop:
        run = Run(agreed, output, stderr, stop)
        try:
            run.send_all()
            if stop.is_set():
                output.stop_soon()
            output.close()
        except BrokenPipeError:  # whoever reads has seen enough
            _forget(stdout)
            return 0
        except SendError as error:
            print(f"simulate: {error}" + ("; no truth was written" if agreed.truth else ""), file=stderr)
            return 1
    run.progress.ended(output.errors)
    if agreed.truth is not None:
        run.truth.write(agreed.truth, agreed, output.redelivered)
    return 0


def blocks(plan: Plan, products: list[Product] | None = None, words: Vocabulary | None = None) -> Iterator[Block]:
    """The events of a plan, without end."""
    products = products or catalogue.products(plan.seed)
    words = words or vocabulary.of(plan.mix, products)
    return Shop(plan, products, words).blocks() if plan.mix == "shop" else steady.blocks(plan, words, products)


def form(plan: Plan, products: list[Product] | None = None, words: Vocabulary | None = None) -> Form:
    """How the events of a plan are written."""
    products, identity = products or catalogue.products(plan.seed), Identity(plan)
    if plan.mix == "catalogue" and plan.target.kind == "folder":
        return CsvRows(identity, products)
    source = "synthetic" if plan.mix != "shop" or plan.demo else None  # a demonstration counts as what it is
    return JsonRows(identity, words or vocabulary.of(plan.mix, products), products, source)


class Run:
    """One run: what it has sent so far, and how it goes on."""

    def __init__(self, plan: Plan, output: Output, stderr: TextIO, stop: threading.Event) -> None:
        self._plan, self._output, self._stop = plan, output, stop
        products = catalogue.products(plan.seed)
        words = vocabulary.of(plan.mix, products)
        self._blocks, self._writer = blocks(plan, products, words), Writer(form(plan, products, words))
        self._faults = Faults(plan)
        self._schedule = Schedule(plan.density, plan.bursts)
        self._left = plan.events
        paced = plan.per_second is not None or plan.demo
        self._began = time.monotonic() if paced else None
        self._origin_ms = time.time() * 1000 if plan.live else plan.start_ms  # what is due before now goes at once
        self.progress = Progress(stderr, plan.density if paced else None)
        self.truth = Truth()

    def send_all(self) -> None:
        """Send block after block."""
        for block in self._blocks:
            if self._plan.from_ms > int(block.at[-1]):
                continue
            sending = self._faults.of(block)
            first = int(np.searchsorted(sending.at, self._plan.from_ms)) if self._plan.from_ms > self._plan.start_ms else 0
            end = len(sending) if self._left is None else min(len(sending), first + self._left)
            self._send_block(block, sending, first, end)
            if self._left is not None:
                self._left -= end - first
            if self._left == 0 or self._stop.is_set():
                return

    def _send_block(self, block: Block, sending: Sending, first: int, end: int) -> None:
        sent = first
        try:
            while sent < end and not self._stop.is_set():
                upto = self._due(sending, sent, end)
                rows = self._writer.rows(block, sending, sent, upto, self._sent_at()) if upto > sent else []
                if rows:
                    self._output.send(rows)
                    offset = int(sending.at[sent]) - self._plan.start_ms
                    self.progress.sent(
                        upto - sent, self._output.errors, self._plan.bursts.multiplier if self._schedule.bursting(offset) else 1.0
                    )
                sent = upto
                if self._began is not None:
                    self._output.tick()
                    self._wait(sending, sent, end)
        finally:
            if self._plan.truth is not None:
                self.truth.add(block, sending, first, sent)

    def _due(self, sending: Sending, sent: int, end: int) -> int:
        """Up to where the sending may go now."""
        most = min(end, sent + self._output.rows_at_once)
        if self._began is None:
            return most
        clock = self._origin_ms + (time.monotonic() - self._began) * 1000
        return sent + int(np.searchsorted(sending.at[sent:most], clock, side="right"))

    def _wait(self, sending: Sending, sent: int, end: int) -> None:
        """Wait for the next event, or a moment to look after the output."""
        if sent >= end or self._began is None:
            return
        ahead = (int(sending.at[sent]) - self._origin_ms) / 1000 - (time.monotonic() - self._began)
        if ahead > 0:
            self._stop.wait(min(max(ahead, TICK_SECONDS), LOOK_SECONDS))

    def _sent_at(self) -> bytes:
        if not self._plan.live:
            return b""
        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def _output(plan: Plan, stdout: BinaryIO | TextIO, stderr: TextIO) -> Output:
    if plan.target.kind == "http":
        from ecompulse.simulate.collector import Collector  # what an HTTP client takes is 4 MB that files and lines do not need

        return Collector(plan.target.address, plan.per_second is None or plan.per_second > 5_000, plan.events is None, stderr)
    if plan.target.kind == "folder":
        return Folder(plan.target.address, plan)
    return Lines(cast(BinaryIO, getattr(stdout, "buffer", stdout)))


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that is set by SIGTERM and SIGINT; a second one of them ends the program as usual."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        signal.signal(number, before[number])
        stop.set()

    before = {int(number): signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _forget(stdout: BinaryIO | TextIO) -> None:
    """Keep Python from complaining at its exit that a closed pipe cannot be flushed."""
    if stdout is sys.stdout:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (OSError, io.UnsupportedOperation):
            return
