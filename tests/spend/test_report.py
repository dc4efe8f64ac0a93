"""The report and the exports: what they show, what they read, and what they cannot run."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial

import pytest
from sqlalchemy import Connection, event, text

from langchain_qwen36.catalog import find_offer
from langchain_qwen36.cli import main
from langchain_qwen36.pricing import Money
from langchain_qwen36.spend import Attribution, End, Limit, Start, tables
from langchain_qwen36.spend.period import first_day
from langchain_qwen36.spend.reading import AccountBalance
from langchain_qwen36.spend.report.data import runs_out, stale_prices


def book(ledger, run_id: str, cost: str | None = "0.5 USD", *, days_ago: int = 0, **settings):
    """Book a call that was made some days ago."""
    started = datetime.now(UTC) - timedelta(days=days_ago)
    end = {key: settings.pop(key) for key in ("source", "listed", "estimated") if key in settings}
    model = settings.pop("model", "qwen3.6-plus")
    attribution = Attribution(**settings)
    hold = Money.parse("1 USD")
    start = Start(
        run_id=run_id, model=model, gateway="g", hold=hold, started=started, attribution=attribution
    )
    ledger.reserve(start)
    ledger.settle(start, End(cost=Money.parse(cost) if cost else None, ended=started, **end))


def test_the_report_says_on_top_what_is_not_known(ledger_url, open_ledger):
    """Unpriced, estimated, expired and differently reported calls stand before every sum."""
    ledger = open_ledger(ledger_url, lease=timedelta(microseconds=1))
    book(ledger, "a", None)
    book(ledger, "b", estimated=True)
    book(ledger, "c", "0.6 USD", source="reported", listed=Money.parse("0.5 USD"))
    ledger.reserve(Start(run_id="d", hold=Money.parse("2 USD")))
    time.sleep(0.01)
    assert ledger.expire() == 1
    page = ledger.report("1w").html
    unknown = re.sub(r"<[^>]+>", "", page[: page.index('class="cards"')]).split(
        "What is not known"
    )[1]
    assert "1 call without a known price" in unknown
    assert "1 call with tokens by estimate" in unknown
    assert "1 call whose end never came: charged as held, 2.00 USD" in unknown
    assert "reported at 0.60 USD and the price list at 0.50 USD (+20 %)" in unknown


@pytest.mark.parametrize(
    ("days", "is_stale"), [pytest.param(60, False, id="60"), pytest.param(61, True, id="61")]
)
def test_a_price_that_was_checked_over_60_days_ago_is_named(days, is_stale):
    """A row of the price list is named, with its day, once it is older than 60 days."""
    offer = find_offer("dashscope-intl", "qwen3.6-plus")
    checked = offer.price_at(date(2026, 11, 28)).checked
    stale = stale_prices([("dashscope-intl", "qwen3.6-plus")], checked + timedelta(days=days))
    assert stale == ({"qwen3.6-plus at dashscope-intl": checked} if is_stale else {})


def test_a_model_without_a_price_row_is_not_named_as_old():
    """A call at an unknown gateway has no row that could be old."""
    assert stale_prices([("nowhere", "qwen3.6-plus")], date(2030, 1, 1)) == {}


def test_lines_show_the_change_to_the_week_before(ledger_url, open_ledger):
    """A user who spent 1 in the week before and 3 in this one grew by 200 %."""
    ledger = open_ledger(ledger_url)
    book(ledger, "a", "1 USD", days_ago=8, user="u1")
    book(ledger, "b", "1.5 USD", days_ago=1, user="u1")
    book(ledger, "c", "1.5 USD", user="u1", model="qwen3.6-flash")
    [section] = ledger.report("4w").data.sections
    [line] = section.tables["User"]
    assert (line.name, line.calls, line.cost, line.change) == ("u1", 3, 4 * 10**12, 2.0)
    assert {name for models in section.days.values() for name in models} == {
        "qwen3.6-plus",
        "qwen3.6-flash",
    }


def test_names_in_a_report_are_text_and_never_markup(ledger_url, open_ledger):
    """A user's name that is HTML is shown, not run."""
    ledger = open_ledger(ledger_url)
    book(ledger, "a", user="<script>alert(1)</script>", model="<b>")
    page = ledger.report().html
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<b>&" not in page


def test_the_page_loads_nothing(ledger_url, open_ledger):
    """The page has no address in it but its own text: it works without a network."""
    ledger = open_ledger(ledger_url)
    book(ledger, "a")
    page = ledger.report().html
    assert re.findall(r"(?:src|href|url\(|@import|https?:)", page) == []
    assert "prefers-color-scheme:dark" in page
    assert 'name="viewport"' in page


@pytest.mark.parametrize(
    ("spent", "expected"),
    [("5", date(2026, 11, 20)), ("4", None), ("10", date(2026, 11, 10)), ("0", None)],
    ids=["runs out", "lasts", "used up", "unspent"],
)
def test_a_budget_runs_out_at_the_pace_of_its_window(spent, expected):
    """10 USD a month, half of them spent by the 10th, are gone on the 20th; 4 of them last."""
    balance = AccountBalance(
        account="all",
        per="month",
        zone="UTC",
        window_start="2026-11-01",
        spent=Money(Decimal(spent), "USD"),
        held=Money(Decimal(0), "USD"),
        limit=Money(Decimal(10), "USD") if spent != "4" else Money(Decimal(13), "USD"),
        begins=datetime(2026, 11, 1, tzinfo=UTC),
        ends=datetime(2026, 12, 1, tzinfo=UTC),
    )
    assert runs_out(balance, datetime(2026, 11, 10, 12, tzinfo=UTC)) == expected


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("1d", date(2026, 11, 30)),
        ("4w", date(2026, 11, 3)),
        ("2026-02-01", date(2026, 2, 1)),
        (date(2026, 1, 1), date(2026, 1, 1)),
        pytest.param(datetime(2026, 11, 1, 9, tzinfo=UTC), date(2026, 11, 1), id="moment"),
        pytest.param(
            datetime(2026, 11, 1, 1, tzinfo=timezone(timedelta(hours=8))),
            date(2026, 10, 31),
            id="moment-elsewhere",
        ),
    ],
)
def test_a_period_is_a_number_of_days_or_a_first_day(since, expected):
    """`1d` is today alone, and `4w` are 28 days with today."""
    assert first_day(since, date(2026, 11, 30)) == expected


def test_a_period_that_is_none_is_refused():
    """A misspelt period is refused with the forms it takes."""
    with pytest.raises(ValueError, match="such as '4w'"):
        first_day("4 weeks")


def test_no_cell_of_an_export_is_a_formula(ledger_url, open_ledger):
    """Whatever a user is called, a spreadsheet reads it as text."""
    ledger = open_ledger(ledger_url)
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]
    for name in names:
        book(ledger, f"r{name}", user=name, team=name, agent=name, model=name, tags=(name,))
    for form in ("csv", "focus"):
        for row in csv.DictReader(io.StringIO(ledger.export(form), newline="")):
            assert [cell for cell in row.values() if cell[:1] in set("=+-@\t\r")] == []


def test_json_has_every_digit_and_focus_the_sums(ledger_url, open_ledger):
    """An export has amounts as digits, and FOCUS one charge a day and model."""
    ledger = open_ledger(ledger_url)
    book(ledger, "a", "0.000000000001 USD", user="u1", tags=("x",))
    book(ledger, "b", "0.25 USD", user="u1")
    calls = json.loads(ledger.export("json"))["calls"]
    assert [c["cost"] for c in calls] == ["0.000000000001", "0.25"]
    assert calls[0]["tags"] == ["x"]
    [charge] = csv.DictReader(io.StringIO(ledger.export("focus")))
    assert charge["BilledCost"] == "0.250000000001"
    assert charge["BillingCurrency"] == "USD"
    assert json.loads(charge["Tags"]) == {"user": "u1"}


def test_the_command_line_reports_exports_and_limits(tmp_path, open_ledger, capsys):
    """`spend` writes a report and an export, and sets, tops up, lists and removes limits."""
    url = f"sqlite:///{tmp_path}/spend.db"
    ledger = open_ledger(url, limits=[Limit("all", "9 USD")])
    book(ledger, "a", user="u1")
    ledger.flush()

    def spend(*arguments: str) -> str:
        assert main(["spend", "--ledger", url, *arguments]) == 0
        return capsys.readouterr().out

    page = tmp_path / "page.html"
    assert spend("report", "--since", "4w", "--output", str(page)).strip() == str(page)
    assert "By user" in page.read_text()
    assert "u1" in spend("export", "--format", "csv")
    listed = spend("budgets", "set", "all", "5 USD")
    assert re.search(r"^all +ever +5 USD +0.5 USD +0 USD +never$", listed, re.MULTILINE)
    assert "7 USD" in spend("budgets", "top-up", "all", "2 USD")
    assert "user:u2  day" in spend("budgets", "set", "user:u2", "1 USD", "--per", "day")
    assert "user:u2" not in spend("budgets", "remove", "user:u2")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "--since", "soon"], "such as '4w'"),
        (["budgets", "set", "all", "5"], "is no amount of money"),
        (["budgets", "top-up", "user:u9", "5 USD"], "has no limit"),
        (["budgets", "remove", "user:u9"], "has no limit"),
    ],
    ids=["period", "amount", "top-up of nothing", "removal of nothing"],
)
def test_bad_arguments_are_one_line_on_stderr(arguments, message, tmp_path, open_ledger, capsys):
    """A wrong argument ends with status 1 and one line that names the fix."""
    url = f"sqlite:///{tmp_path}/spend.db"
    open_ledger(url)
    assert main(["spend", "--ledger", url, *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_misspelt_file_is_not_made(tmp_path, capsys):
    """The command line opens no ledger that is not there, and leaves no empty one behind."""
    url = f"sqlite:///{tmp_path}/spent.db"
    assert main(["spend", "--ledger", url, "report"]) == 1
    assert "There is no ledger" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_report_reads_sums_and_no_calls(ledger_url, open_ledger):
    """No statement of the report touches the table of calls, and none scans beyond the rollup."""
    ledger = open_ledger(ledger_url, limits=[Limit("user:*", "5 USD", per="day")])
    book(ledger, "a", user="u1")
    ledger.flush()
    seen: list[str] = []
    engine = ledger._store._reads

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection, _cursor, statement, *_):
        seen.append(statement)

    ledger.report()
    tables = {name for statement in seen for name in re.findall(r"spend_\w+", statement)}
    assert tables == {"spend_rollup", "spend_balance"}


@pytest.mark.timeout(240)
@pytest.mark.slow
def test_a_report_over_a_million_calls_opens_in_two_seconds(
    ledger_url, open_ledger, record_property
):
    """With a million calls booked, the page is there in under 2 s: it reads aggregates only."""
    ledger = open_ledger(ledger_url, limits=[Limit("all", "5 USD")])
    for user in range(USERS):
        for model in range(MODELS):
            for day in range(DAYS):
                attribution = {"user": f"u{user}", "team": f"t{user % 4}", "agent": "g"}
                settings = {"model": f"m{model}", "days_ago": day} | attribution
                settle_only(ledger, f"{user}-{model}-{day}", **settings)
    ledger.flush()
    multiply_calls(ledger, 1_000_000 // (USERS * MODELS * DAYS))
    began = time.perf_counter()
    page = ledger.report("4w").html
    seconds = time.perf_counter() - began
    record_property("seconds", seconds)
    print(f"{seconds:.2f} s for a report over 1,000,000 calls in {USERS * MODELS * DAYS} sums")  # noqa: T201 - the figure
    assert "1.0M" in page
    assert seconds < 2


USERS, MODELS, DAYS = 200, 5, 25
"""So many sums for a report to read: as many as a team of 200 has in four weeks."""


def settle_only(ledger, run_id: str, *, model: str, days_ago: int, **accounts) -> None:
    """Book the end of a call that was not reserved, without waiting for it."""
    started = datetime.now(UTC) - timedelta(days=days_ago)
    start = Start(
        run_id=run_id,
        model=model,
        gateway="g",
        started=started,
        attribution=Attribution(**accounts),
    )
    ledger.settle_unawaited(start, End(cost=Money.parse("0.000001 USD"), ended=started))


def multiply_calls(ledger, times: int) -> None:
    """Copy each call until there are so many of it, and its sums with it.

    What one call adds to its sum was written by the ledger itself; more of the same is a
    product. The copies are written by the database, in the time that it needs for their indexes.
    """
    others = ", ".join(c.name for c in tables.call.c if c.name != "id")
    copies = f"""
        INSERT INTO spend_call (id, {others})
        WITH RECURSIVE n(i) AS (
            SELECT CAST(:first AS INTEGER) UNION ALL SELECT i + 1 FROM n WHERE i < :last
        )
        SELECT id || '/' || i, {others} FROM spend_call CROSS JOIN n WHERE id NOT LIKE '%/%'
    """  # noqa: S608 - our own names
    sums = ", ".join(f"{name} = {name} * {times}" for name in tables.ROLLUP_SUMS)

    for first in range(2, times + 1, 4):  # a statement of a ledger has a minute
        span = {"first": first, "last": min(first + 3, times)}
        ledger._store.write(partial(Connection.execute, statement=text(copies), parameters=span))

    def multiply_sums(connection):
        connection.execute(text(f"UPDATE spend_rollup SET {sums}"))  # noqa: S608 - our own names
        assert connection.execute(text("SELECT COUNT(*) FROM spend_call")).scalar() == 1_000_000

    ledger._store.write(multiply_sums)
