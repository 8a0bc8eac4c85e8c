"""Steps that users add: found by entry point, run after the built-in ones, and told by name when they cannot be."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ecompulse.process.step import Context, StepFailed
from ecompulse.process.steps import default_steps
from ecompulse.process.steps.installed import GROUP, StepUnusable, load_steps
from ecompulse.process.steps.properties import put_property

from .rows import batch_of

EXAMPLE = Path(__file__).parents[3] / "examples" / "own-step"
DOCS = Path(__file__).parents[3] / "docs" / "steps.md"
BUILT_IN = tuple(name for name, _ in default_steps())


class Counter:
    """A step with state, as an entry point may name it."""

    def __init__(self) -> None:
        self.rows = 0

    def __call__(self, batch: pa.RecordBatch, context: Context) -> pa.RecordBatch:
        self.rows += batch.num_rows
        return batch

    def state(self) -> bytes:
        return str(self.rows).encode()

    def restore(self, state: bytes) -> None:
        self.rows = int(state)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a package with these entry points where Python finds it, as pip would."""

    def install(name: str, points: dict[str, str], folder: Path = tmp_path) -> None:
        info = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items()))
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.syspath_prepend(str(folder))

    yield install
    sys.modules.pop("shop_steps", None)


def test_the_example_is_found_by_its_entry_points_and_runs_after_the_built_in_steps(installed: Any) -> None:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    installed(project["name"], project["entry-points"][GROUP], EXAMPLE)
    steps = load_steps()
    assert steps.names == (*BUILT_IN, "10-tidy-campaigns", "20-price-band")
    event = {"page_url": "https://shop.example/?utm_campaign=Spring_Sale", "price": 30, "properties": '{"colour":"red"}'}
    [row] = steps.apply(batch_of(event), Context()).to_pylist()
    assert (row["campaign"], row["properties"]) == ("spring sale", '{"colour":"red","price_band":"middle"}')


def test_the_examples_own_tests_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    try:
        import test_shop_steps  # type: ignore[import-not-found]  # it stands beside the example, not in a package

        test_shop_steps.test_campaigns_that_are_written_differently_are_one()
        test_shop_steps.test_a_price_has_a_band()
    finally:
        sys.modules.pop("shop_steps", None)
        sys.modules.pop("test_shop_steps", None)


def test_the_page_about_steps_shows_the_example_as_it_is() -> None:
    page = DOCS.read_text()
    assert (EXAMPLE / "shop_steps.py").read_text().partition("def tidy_campaigns")[2] in page
    assert '[project.entry-points."ecompulse.steps"]' in page
    assert all(f"`{name}`" in page for name in BUILT_IN), "every built-in step is described"


def test_steps_of_several_packages_run_in_the_order_of_their_names() -> None:
    assert load_steps(points(("20-b", "builtins:max"), ("10-a", "builtins:max"))).names[-2:] == ("10-a", "20-b")


def points(*named: tuple[str, str]) -> list[EntryPoint]:
    return [EntryPoint(name, value, GROUP) for name, value in named]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("mine", "no_such_module:step", "No module named 'no_such_module'"),
        ("mine", "ecompulse.process.step:nothing", "nothing"),
        ("mine", "sys:maxsize", "no function of (batch, context)"),
        ("clock", "builtins:max", "both have a step named 'clock'"),
    ],
)
def test_a_step_that_cannot_be_loaded_names_its_package_and_what_to_do(installed: Any, name: str, value: str, told: str) -> None:
    installed("acme-steps", {name: value})
    with pytest.raises(StepUnusable, match="acme-steps") as error:
        load_steps()
    assert told in str(error.value)


def test_a_class_becomes_a_step_with_state() -> None:
    holder = type(sys)("holder_of_a_step")
    holder.Counter = Counter  # type: ignore[attr-defined]  # a module made here
    sys.modules["holder_of_a_step"] = holder
    try:
        steps = load_steps(points(("count", "holder_of_a_step:Counter")))
        steps.apply(batch_of({}, {}), Context())
        again = load_steps(points(("count", "holder_of_a_step:Counter")))
        again.restore(steps.state())
        assert again.state() == steps.state() != load_steps(points(("count", "holder_of_a_step:Counter"))).state()
    finally:
        del sys.modules["holder_of_a_step"]


def test_an_installed_step_that_fails_is_named() -> None:
    with pytest.raises(StepFailed, match="'broken'"):
        load_steps(points(("broken", "builtins:len"))).apply(batch_of({}), Context())


def test_a_property_of_a_step_stands_beside_the_senders_and_replaces_one_of_its_name() -> None:
    texts = [None, "{}", '{"a":1.10,"n":{"band":2}}', '{"band":"x","a":1.10}', '{"a":1}']
    values = pa.array(["é", 'quo"te', "low", "low", None])
    result = put_property(batch_of(*({"properties": text} for text in texts)), "band", values)
    assert result.column("properties").to_pylist() == [
        '{"band":"é"}',
        '{"band":"quo\\"te"}',
        '{"a":1.10,"n":{"band":2},"band":"low"}',
        '{"band":"low","a":1.10}',
        '{"a":1}',
    ]
