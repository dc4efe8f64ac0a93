"""Windows of limits: days, weeks and months as a time zone counts them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from langchain_qwen36.errors import BudgetExceededError
from langchain_qwen36.pricing import Money
from langchain_qwen36.spend import Attribution, End, Limit, Start, window_at

WINDOWS = [
    ("day", "UTC", "2026-11-30T23:59", "2026-11-30", "2026-11-30T00:00", "2026-12-01T00:00"),
    (
        "day",
        "Asia/Shanghai",
        "2026-11-30T15:59",
        "2026-11-30",
        "2026-11-29T16:00",
        "2026-11-30T16:00",
    ),
    (
        "day",
        "Asia/Shanghai",
        "2026-11-30T16:00",
        "2026-12-01",
        "2026-11-30T16:00",
        "2026-12-01T16:00",
    ),
    (
        "day",
        "Europe/Berlin",
        "2026-03-29T12:00",
        "2026-03-29",
        "2026-03-28T23:00",
        "2026-03-29T22:00",
    ),
    (
        "day",
        "Europe/Berlin",
        "2026-10-25T12:00",
        "2026-10-25",
        "2026-10-24T22:00",
        "2026-10-25T23:00",
    ),
    (
        "day",
        "Africa/Cairo",
        "2026-04-24T12:00",
        "2026-04-24",
        "2026-04-23T22:00",
        "2026-04-24T21:00",
    ),
    ("week", "UTC", "2026-11-29T12:00", "2026-11-23", "2026-11-23T00:00", "2026-11-30T00:00"),
    (
        "week",
        "Pacific/Auckland",
        "2026-11-29T12:00",
        "2026-11-30",
        "2026-11-29T11:00",
        "2026-12-06T11:00",
    ),
    ("month", "UTC", "2026-12-31T23:59", "2026-12-01", "2026-12-01T00:00", "2027-01-01T00:00"),
    (
        "month",
        "Asia/Shanghai",
        "2026-11-30T16:00",
        "2026-12-01",
        "2026-11-30T16:00",
        "2026-12-31T16:00",
    ),
    (
        "month",
        "America/New_York",
        "2028-02-29T12:00",
        "2028-02-01",
        "2028-02-01T05:00",
        "2028-03-01T05:00",
    ),
]
IDS = [
    *("a day in UTC", "before midnight in Shanghai", "midnight in Shanghai", "a day of 23 hours"),
    *("a day of 25 hours", "a day without midnight", "a Sunday", "Monday in Auckland already"),
    *("the end of a year", "a new month in Shanghai", "a leap day"),
]


def utc(text: str) -> datetime:
    """Return a time of the table."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("row", WINDOWS, ids=IDS)
def test_a_window_is_the_zones_own_day_week_or_month(row):
    """A moment lies in the window that the named time zone's calendar says."""
    per, zone, moment, start, begins, ends = row
    assert window_at(per, zone, utc(moment)) == (start, utc(begins), utc(ends))


def test_for_ever_is_one_window():
    """A limit for ever has one window, without an end."""
    assert window_at("ever", "UTC", utc("2026-11-30T00:00")) == ("ever", None, None)


def test_an_unknown_zone_is_refused_by_name():
    """A misspelt time zone is refused when the limit is made, and named."""
    with pytest.raises(ValueError, match="'Asia/Peking' is no time zone"):
        Limit("user:*", "5 USD", per="day", zone="Asia/Peking")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"account": "u1"}, "must be 'all', or a kind and a value"),
        ({"account": "user:"}, "must be 'all', or a kind and a value"),
        ({"per": "hour"}, "must be one of day, week, month, ever"),
        ({"amount": "0 USD"}, "must be above 0"),
        ({"amount": "5"}, "is no amount of money"),
        ({"amount": "10000000 USD"}, "more than a ledger can hold"),
    ],
    ids=["no kind", "no value", "no such window", "nothing", "no currency", "too much"],
)
def test_a_limit_that_cannot_be_is_refused(settings, message):
    """A limit with a wrong account, window or amount is refused with the form it takes."""
    with pytest.raises(ValueError, match=message):
        Limit(**{"account": "user:*", "amount": "5 USD", "per": "day", **settings})


def test_spending_begins_anew_at_midnight_in_the_limits_zone(ledger_url, open_ledger):
    """A day's limit that is spent refuses until midnight in Shanghai, and not after it."""
    limit = Limit("user:*", "1 USD", per="day", zone="Asia/Shanghai")
    ledger = open_ledger(ledger_url, limits=[limit])

    def call(run_id: str, moment: str) -> Start:
        attribution, hold = Attribution(user="u1"), Money.parse("1 USD")
        return Start(run_id=run_id, hold=hold, attribution=attribution, started=utc(moment))

    first = call("a", "2026-11-30T15:00")
    ledger.reserve(first)
    ledger.settle(first, End(cost=Money.parse("1 USD")))
    with pytest.raises(BudgetExceededError, match="begins anew at 2026-11-30 16:00 UTC"):
        ledger.reserve(call("b", "2026-11-30T15:59"))
    ledger.reserve(call("c", "2026-11-30T16:00"))


def test_a_call_over_midnight_counts_where_it_began(ledger_url, open_ledger):
    """A call that ends after midnight is charged to the day in which it was reserved."""
    ledger = open_ledger(ledger_url, limits=[Limit("all", "1 USD", per="day")])
    late = Start(run_id="a", hold=Money.parse("1 USD"), started=utc("2026-11-29T23:59"))
    ledger.reserve(late)
    ledger.settle(late, End(cost=Money.parse("0.5 USD"), ended=utc("2026-11-30T00:01")))
    ledger.reserve(Start(run_id="b", hold=Money.parse("1 USD"), started=utc("2026-11-30T00:00")))
