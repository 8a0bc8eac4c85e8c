"""Which ids are new: exactly, within a batch, across batches, flushes, merges and restarts."""

from __future__ import annotations

import random
import tempfile
import threading
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecompulse.process import identify, runs
from ecompulse.process.identify import DUPLICATE, NEW, REUSED, Ids
from ecompulse.process.runs import Run, pieces, write_run


def raw(*numbers: int) -> bytes:
    return b"".join(uuid.UUID(int=number).bytes for number in numbers)


def prints(*values: int) -> np.ndarray:
    return np.array(values, np.uint64)


def test_the_first_of_a_batch_is_new_and_its_copies_are_duplicates(tmp_path: Path) -> None:
    ids = Ids(tmp_path)
    assert ids.classify(raw(5, 3, 5, 3, 5), prints(1, 1, 1, 2, 1)).tolist() == [NEW, NEW, DUPLICATE, REUSED, DUPLICATE]
    assert ids.classify(raw(3, 9), prints(1, 1)).tolist() == [DUPLICATE, NEW]


def test_ids_that_share_their_upper_word_are_told_apart(tmp_path: Path) -> None:
    ids = Ids(tmp_path)
    numbers = [(7 << 64) | low for low in range(50)]
    assert not ids.classify(raw(*numbers), prints(*[1] * 50)).any()
    assert (ids.classify(raw(*reversed(numbers)), prints(*[1] * 50)) == DUPLICATE).all()
    assert ids.classify(raw((7 << 64) | 99), prints(1)).tolist() == [NEW]


def test_a_flush_and_a_restart_forget_nothing_and_leftovers_go(tmp_path: Path) -> None:
    ids = Ids(tmp_path)
    ids.classify(raw(1, 2), prints(1, 1))
    ids.freeze()
    names = ids.write()
    ids.classify(raw(3), prints(1))  # not flushed: read again from the log after a crash
    (tmp_path / "left.run").write_bytes(b"half")
    again = Ids(tmp_path, names)
    assert again.classify(raw(1, 2, 3), prints(1, 2, 1)).tolist() == [DUPLICATE, REUSED, NEW]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_runs_of_another_scheme_make_every_known_id_a_duplicate(tmp_path: Path) -> None:
    ids = Ids(tmp_path)
    ids.classify(raw(1), prints(1))
    ids.freeze()
    later, names = Ids(tmp_path, ids.write(), scheme="later"), []
    assert not later.comparable
    assert later.classify(raw(1), prints(2)).tolist() == [DUPLICATE]
    for number in range(2, 9):  # until the run of the first scheme is merged with others
        assert later.classify(raw(number), prints(5)).tolist() == [NEW]
        later.freeze()
        names = later.write()
        again = Ids(tmp_path, names, scheme="later")
        assert again.classify(raw(1), prints(2)).tolist() == [DUPLICATE]
        assert again.classify(raw(number), prints(6)).tolist() == [REUSED]
    assert again.comparable


def test_files_are_merged_as_they_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MERGE_ROWS", 100)
    ids, rows = Ids(tmp_path), 0
    for n in range(40):
        assert not ids.classify(
            b"".join(uuid.UUID(int=random.Random(n * 1000 + k).getrandbits(128)).bytes for k in range(50)), prints(*[1] * 50)
        ).any()
        ids.freeze()
        names = ids.write()
        ids.forget()
        rows += 50
    assert len(names) <= 5
    assert len(Ids(tmp_path, names)) == rows
    everything = b"".join(uuid.UUID(int=random.Random(n * 1000 + k).getrandbits(128)).bytes for n in range(40) for k in range(50))
    assert (Ids(tmp_path, names).classify(everything, prints(*[1] * rows)) == DUPLICATE).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3), st.integers(1, 2)), max_size=60),
    st.integers(1, 9),
    st.integers(0, 3),
    st.booleans(),
)
def test_it_agrees_with_a_dictionary_whatever_the_batches(
    sent: list[tuple[int, int, int]], size: int, flush_every: int, beside: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(identify, "AT_ONCE_ROWS", 0 if beside else 100)
        patch.setattr(runs, "MERGE_ROWS", 2)
        ids, known = Ids(Path(folder)), {}
        for start in range(0, len(sent), size):
            batch = sent[start : start + size]
            numbers = [(high << 64) | low for high, low, _ in batch]
            wanted = []
            for number, (_, _, content) in zip(numbers, batch, strict=True):
                wanted.append(NEW if number not in known else DUPLICATE if known[number] == content else REUSED)
                known.setdefault(number, content)
            assert ids.classify(raw(*numbers), prints(*[content for _, _, content in batch])).tolist() == wanted
            if flush_every and (start // size) % flush_every == 0:
                ids.freeze()
                names = ids.write()
                ids.forget()
                if start % 2:  # else it goes on with what is merged beside
                    ids.close()
                    ids = Ids(Path(folder), names)
        ids.close()


@pytest.mark.parametrize("uppers", [1, 40, 3_000])
def test_in_a_large_batch_of_few_ids_the_first_of_each_leads(tmp_path: Path, uppers: int) -> None:
    drawn = random.Random(uppers)
    ids, known = Ids(tmp_path), {}
    for _ in range(3):
        numbers = [(drawn.randrange(uppers) << 64) | drawn.randrange(50) for _ in range(4_000)]
        contents = [drawn.randrange(1, 4) for _ in numbers]
        wanted = []
        for number, content in zip(numbers, contents, strict=True):
            wanted.append(NEW if number not in known else DUPLICATE if known[number] == content else REUSED)
            known.setdefault(number, content)
        assert ids.classify(raw(*numbers), prints(*contents)).tolist() == wanted
    ids.freeze()
    assert len(Ids(tmp_path, ids.write())) == len(known)


class Held:
    """Writes runs, but those that are merged beside the flushes only once it is let."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.let, self.written, self.trouble = threading.Event(), threading.Event(), False
        monkeypatch.setattr(identify, "write_run", self)
        monkeypatch.setattr(identify, "AT_ONCE_ROWS", 0)

    def __call__(self, path: Path, some: Sequence[Run], between: Callable[[], None] | None = None) -> Run:
        if between is None:
            return write_run(path, some)
        try:
            assert self.let.wait(10)
            if self.trouble:
                raise OSError(28, "No space left on device")
            return write_run(path, some, between)
        finally:
            self.written.set()


def flushed(ids: Ids, *numbers: int) -> list[str]:
    assert not ids.classify(raw(*numbers), prints(*[1] * len(numbers))).any()
    ids.freeze()
    names = ids.write()
    ids.forget()
    return names


def test_flushes_go_on_while_large_files_are_merged_beside_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, ids = Held(monkeypatch), Ids(tmp_path)
    counts = [len(flushed(ids, n, 100 + n)) for n in range(5)]
    assert counts == [1, 2, 3, 4, 5]  # two of them are being merged
    held.let.set()
    for n in range(5, 60):
        assert held.written.wait(10)
        names = flushed(ids, n, 100 + n)
    assert len(names) < 60
    everything = [n for n in range(160) if n % 100 < 60]
    for known in (ids, Ids(tmp_path, names)):
        assert (known.classify(raw(*everything), prints(*[1] * len(everything))) == DUPLICATE).all()
        known.close()


def test_a_file_is_merged_once_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, ids = Held(monkeypatch), Ids(tmp_path)
    monkeypatch.setattr(identify, "AT_ONCE_ROWS", 10)
    flushed(ids, *range(9))
    flushed(ids, *range(10, 14))
    assert ids._merging is not None
    names = flushed(ids, 20, 21)  # small enough to be merged with the one before at once, which is taken
    assert len(names) == 3
    held.let.set()
    while not ids._merging[2].done():
        pass
    names = flushed(ids, 30)
    assert (len(names), len(ids)) == (2, 16)
    ids.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_a_merge_that_is_ended_or_fails_leaves_the_files_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, ids = Held(monkeypatch), Ids(tmp_path)
    held.trouble = True
    flushed(ids, 1)
    flushed(ids, 2)
    held.let.set()
    assert held.written.wait(10)
    held.trouble = False
    held.let.clear()
    names = flushed(ids, 3)
    assert len(names) == 3
    ending = threading.Thread(target=ids.close)  # another merge has begun: it is told to end before it comes to its first piece
    ending.start()
    while not ids._stopping.is_set():
        pass
    held.let.set()
    ending.join(10)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert (Ids(tmp_path, names).classify(raw(1, 2, 3), prints(1, 1, 1)) == DUPLICATE).all()


@pytest.mark.parametrize("upper", [lambda n: n, lambda _: 7, lambda n: n // 50, lambda n: n % 2])
@pytest.mark.parametrize("second", [range(2_000, 3_000), range(-500, 0), range(1, 3_000, 2)])
def test_runs_are_merged_in_pieces_of_bounded_size(monkeypatch: pytest.MonkeyPatch, upper: Callable[[int], int], second: range) -> None:
    monkeypatch.setattr(runs, "MERGE_ROWS", 64)

    def run(numbers: Sequence[int], content: int) -> Run:
        words = np.array(sorted((upper(n) + 10**6, n + 10**6) for n in numbers), np.uint64)
        return Run(words[:, 0], words[:, 1], np.full(len(words), content, np.uint64))

    both = [run(range(0, 2_000, 2), 1), run(second, 2)]
    found = list(pieces(both))
    assert max(map(len, found)) <= 2 * 64
    told = [(int(hi), int(lo), int(content)) for one in found for hi, lo, content in zip(one.hi, one.lo, one.fingerprint, strict=True)]
    assert told == sorted((int(hi), int(lo), int(p)) for one in both for hi, lo, p in zip(one.hi, one.lo, one.fingerprint, strict=True))
