"""docs/compatibility.md says what `test_programs.py` runs, in its own words."""

from __future__ import annotations

import inspect
import runpy
import tomllib
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text("utf-8")
PROGRAMS = {
    name.removeprefix("test_"): inspect.getdoc(test)
    for name, test in runpy.run_path(str(Path(__file__).with_name("test_programs.py"))).items()
    if name.startswith("test_")
}


def test_every_program_has_its_row() -> None:
    """What was run is what the test's docstring says; nothing is listed that no test runs."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and line.endswith(" |")]
    told = {cells[3].strip() for row in rows if len(cells := row.split("|")) == 6}
    assert told - {"what was run"} == set(PROGRAMS.values())


def test_the_migration_page_lists_every_difference_by_design() -> None:
    """The reasons of `differences.toml` are for the reader of docs/migration.md."""
    page = (Path(__file__).parents[2] / "docs" / "migration.md").read_text("utf-8")
    entries = tomllib.loads(Path(__file__).with_name("differences.toml").read_text("utf-8"))
    reasons = [entry["reason"] for entry in entries["difference"]]
    assert [reason for reason in reasons if f"- {reason}\n" not in page] == []
