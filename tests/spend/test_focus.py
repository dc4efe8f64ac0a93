"""The FOCUS export against the specification's own lists of columns."""

from __future__ import annotations

import csv
import io
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from langchain_qwen36.cli import main
from langchain_qwen36.pricing import Money
from langchain_qwen36.spend import Attribution, End, Start

VERSIONS = {
    row["name"]: row
    for row in tomllib.loads(Path(__file__).with_name("focus_columns.toml").read_text())["version"]
}
MAY_BE_EMPTY = {"BillingAccountName", "ChargeClass"}
"""Mandatory columns that allow nulls and of which a ledger knows nothing."""


@pytest.fixture
def ledger(open_ledger, tmp_path):
    """Return a ledger with one call that its gateway billed above the list price."""
    opened = open_ledger(f"sqlite:///{tmp_path}/spend.db")
    start = Start(
        run_id="a", model="qwen3.6-plus", gateway="g", attribution=Attribution(team="t", user="u1")
    )
    bill = {"cost": Money.parse("0.6 USD"), "listed": Money.parse("0.5 USD"), "source": "reported"}
    opened.settle(start, End(**bill, input_tokens=10, output_tokens=5)).result()
    return opened


def charges(text: str) -> list[dict[str, str]]:
    """Read an export."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("version", VERSIONS)
def test_an_export_has_all_mandatory_columns_and_none_that_the_version_does_not_know(
    version, ledger
):
    """Each version's export has its mandatory columns, and others only of its list."""
    [charge] = charges(ledger.export("focus", focus_version=version))
    known = {*VERSIONS[version]["mandatory"], *VERSIONS[version]["optional"]}
    assert set(VERSIONS[version]["mandatory"]) - charge.keys() == set()
    assert charge.keys() - known == set()
    assert list(charge) == sorted(charge)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_mandatory_cell_is_empty(version, ledger):
    """What a version demands is filled, except for two names that no ledger knows."""
    [charge] = charges(ledger.export("focus", focus_version=version))
    empty = {name for name in VERSIONS[version]["mandatory"] if not charge[name]}
    assert empty == MAY_BE_EMPTY


def test_the_newest_version_is_written_where_none_is_asked_for(ledger):
    """Without a version the export is that of the newest one."""
    assert ledger.export("focus") == ledger.export("focus", focus_version=list(VERSIONS)[-1])


def test_the_list_price_is_that_of_the_list(ledger):
    """A call that its gateway billed above the list has both amounts, each in its column."""
    [charge] = charges(ledger.export("focus"))
    assert (charge["BilledCost"], charge["ListCost"]) == ("0.6", "0.5")


def test_periods_are_the_day_and_its_month(ledger):
    """A charge is of one day in UTC, billed in its month."""
    [charge] = charges(ledger.export("focus"))
    today = datetime.now(UTC)
    assert charge["ChargePeriodStart"] == f"{today:%Y-%m-%d}T00:00:00Z"
    assert charge["BillingPeriodStart"] == f"{today:%Y-%m}-01T00:00:00Z"


def test_a_version_that_is_not_known_is_refused(ledger):
    """Another version is refused with those that there are."""
    with pytest.raises(ValueError, match=r"focus_version='2.0' must be one of 1.0, 1.2, 1.3"):
        ledger.export("focus", focus_version="2.0")


def test_the_command_line_takes_a_version(ledger, tmp_path, capsys):
    """`spend export --focus-version` writes the columns of that version."""
    ledger.flush()
    url = f"sqlite:///{tmp_path}/spend.db"
    command = ["spend", "--ledger", url, "export", "--format", "focus", "--focus-version", "1.0"]
    assert main(command) == 0
    assert capsys.readouterr().out.strip() == ledger.export("focus", focus_version="1.0").strip()
