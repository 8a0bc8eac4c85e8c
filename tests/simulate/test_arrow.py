"""Record batches against the JSON of the same events, read by the contract."""

from __future__ import annotations

import pytest

from ecompulse.contract.check import check
from ecompulse.contract.columns import LOGGED
from ecompulse.contract.read import read_lines
from ecompulse.simulate.arrow import record_batches
from ecompulse.simulate.faults import Faults
from ecompulse.simulate.options import Options, plan
from ecompulse.simulate.rows import Writer
from ecompulse.simulate.service import blocks, form


@pytest.mark.parametrize("mix", ["shop", "service", "catalogue"])
def test_a_batch_holds_what_the_contract_reads_from_the_json_of_the_same_events(mix: str) -> None:
    agreed = plan(Options(mix=mix, rate="max", events=10_000, start="2026-01-01T00:00:00Z"), {})
    block = next(blocks(agreed))
    lines = Writer(form(agreed)).rows(block, Faults(agreed).of(block), 0, len(block))
    checked = check(read_lines(b"\n".join(lines)).events, received_at_us=1_800_000_000_000_000)
    assert not checked.violations
    batch = next(record_batches(agreed))
    assert batch.schema == LOGGED
    for name in LOGGED.names:
        if name not in ("received_at", "properties"):  # the rest of the properties, such as a custom event's, is JSON's alone
            assert batch.column(name).equals(checked.batch.column(name)), name
