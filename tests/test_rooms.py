"""The picture of the rooms in docs/architecture.md stays true: who may import whom."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent
ROOMS = sorted(p.name for p in (TOP / "src" / "ecompulse").iterdir() if p.is_dir() and p.name != "__pycache__")


def lint(configuration: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--config", str(configuration), "--no-cache"]
    return subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=120, check=False)


def test_every_room_imports_only_what_its_contract_allows() -> None:
    done = lint(TOP / "pyproject.toml")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


def test_a_forbidden_import_would_be_found(tmp_path: Path) -> None:
    rule = "[importlinter]\nroot_package = ecompulse\n[importlinter:contract:x]\nname = x\ntype = forbidden\n"
    wrong = tmp_path / "importlinter.ini"
    wrong.write_text(rule + "source_modules = ecompulse.run\nforbidden_modules = ecompulse.observe\nallow_indirect_imports = true\n")
    done = lint(wrong)
    assert done.returncode == 1
    assert "x BROKEN" in done.stdout


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "run"])
def test_every_room_but_run_has_a_contract(room: str) -> None:
    declared = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert [contract for contract in declared if contract["source_modules"] == [f"ecompulse.{room}"]]
