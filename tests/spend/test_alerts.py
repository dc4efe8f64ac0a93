"""Alerts: told once, to sync and async functions, and never in a call's way."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from langchain_qwen36.errors import BudgetExceededError
from langchain_qwen36.pricing import Money
from langchain_qwen36.spend import Alert, Attribution, End, Limit, Start


def spend(ledger, run_id: str, cost: str | None, *, days_ago: int = 0) -> None:
    """Book a call."""
    started = datetime.now(UTC) - timedelta(days=days_ago)
    start = Start(run_id=run_id, model="m", gateway="g", started=started)
    ledger.settle(start, End(cost=Money.parse(cost) if cost else None)).result()


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_share_of_a_budget_is_told_once_when_it_is_passed(is_async, ledger_url, open_ledger):
    """Passing 50 % and 80 % at once tells the higher, and 100 % later; nothing is told twice."""
    alerts: list[Alert] = []

    async def note(alert: Alert) -> None:
        alerts.append(alert)

    on_alert = note if is_async else alerts.append
    limits = [Limit("all", "10 USD")]
    ledger = open_ledger(ledger_url, limits=limits, on_alert=on_alert, alert_at=(0.5, 0.8, 1))
    for number, cost in enumerate(["4 USD", "4.5 USD", "1 USD", "0.5 USD", "1 USD"]):
        spend(ledger, f"r{number}", cost)
    ledger.close()
    assert [(a.kind, a.account, a.share, str(a.spent)) for a in alerts] == [
        ("share", "all", 0.8, "8.5 USD"),
        ("share", "all", 1, "10 USD"),
    ]


def test_an_unknown_price_is_told_once_for_a_model(ledger_url, open_ledger):
    """Two calls without a price tell of their model once, by name."""
    alerts: list[Alert] = []
    ledger = open_ledger(ledger_url, on_alert=alerts.append)
    spend(ledger, "a", None)
    spend(ledger, "b", None)
    ledger.close()
    assert [(a.kind, a.model, a.gateway) for a in alerts] == [("unpriced", "m", "g")]


def test_a_day_that_costs_twice_the_usual_is_a_jump(ledger_url, open_ledger):
    """Today at 5 USD, where this weekday costs 1, is told with both amounts."""
    alerts: list[Alert] = []
    quiet = open_ledger(ledger_url)
    for week in range(1, 5):
        spend(quiet, f"w{week}", "1 USD", days_ago=7 * week)
    spend(quiet, "yesterday", "90 USD", days_ago=1)
    ledger = open_ledger(ledger_url, on_alert=alerts.append)
    spend(ledger, "today", "5 USD")
    ledger.close()
    assert [(a.kind, str(a.spent), str(a.limit)) for a in alerts] == [("jump", "5 USD", "1 USD")]


def test_an_alert_that_hangs_or_fails_holds_no_call_up(ledger_url, open_ledger):
    """Calls are booked while `on_alert` hangs, and after it has raised."""
    gate = threading.Event()

    def hang(_alert: Alert) -> None:
        gate.wait(20)
        raise RuntimeError("nobody is told of this")

    ledger = open_ledger(ledger_url, limits=[Limit("all", "1 USD")], on_alert=hang)
    spend(ledger, "a", "0.9 USD")
    spend(ledger, "b", "0.01 USD")
    gate.set()
    spend(ledger, "c", "0.01 USD")
    assert str(ledger.balances()[0].spent) == "0.92 USD"


def test_a_share_that_cannot_be_is_refused(open_ledger):
    """80 instead of 0.8 is refused when the ledger is made."""
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        open_ledger("sqlite://", on_alert=print, alert_at=(80,))


@pytest.mark.parametrize("account", ["user:u1", "user:*"])
def test_a_removed_limit_is_neither_shown_nor_told_but_counts_on(account, ledger_url, open_ledger):
    """What is spent without the limit counts again where one is set anew in its window."""
    alerts: list[Alert] = []
    ledger = open_ledger(ledger_url, on_alert=alerts.append, alert_at=(0.5,))
    attribution = Attribution(user="u1")

    def book(run_id: str) -> None:
        start = Start(run_id=run_id, attribution=attribution)
        ledger.settle(start, End(cost=Money.parse("1 USD"))).result()

    ledger.set_budget(Limit(account, "3 USD"))
    book("a")
    ledger.remove_budget(account)
    book("b")
    [balance] = ledger.balances()
    assert (balance.limit, str(balance.spent)) == (None, "2 USD")
    ledger.set_budget(Limit("user:u1", "2 USD"))
    with pytest.raises(BudgetExceededError):
        ledger.reserve(Start(run_id="c", attribution=attribution, hold=Money.parse("1 USD")))
    ledger.close()
    assert alerts == []


def test_removing_the_limit_of_each_user_leaves_a_users_own(ledger_url, open_ledger):
    """`user:vip` keeps its limit when that of `user:*` goes."""
    ledger = open_ledger(ledger_url)
    ledger.set_budget(Limit("user:*", "1 USD"))
    ledger.set_budget(Limit("user:vip", "9 USD"))
    ledger.reserve(Start(run_id="a", attribution=Attribution(user="vip")))
    ledger.remove_budget("user:*")
    assert [str(balance.limit) for balance in ledger.balances()] == ["9 USD"]


def test_an_end_that_replaces_another_tells_nothing_twice(ledger_url, open_ledger):
    """The share was passed by the call's estimate; its real cost is the same event."""
    alerts: list[Alert] = []
    ledger = open_ledger(
        ledger_url, limits=[Limit("all", "10 USD")], on_alert=alerts.append, alert_at=(0.5, 0.8)
    )
    call = Start(run_id="a")
    for cost, ending in (("6 USD", "abandoned"), ("7 USD", "ok")):
        ledger.settle(call, End(cost=Money.parse(cost), ending=ending)).result()
    spend(ledger, "b", "1 USD")
    ledger.close()
    assert [(a.share, str(a.spent)) for a in alerts] == [(0.5, "6 USD"), (0.8, "8 USD")]


def test_a_share_that_an_expired_hold_passes_is_told(ledger_url, open_ledger):
    """What a dead process held is charged, and nobody else would tell of it."""
    alerts: list[Alert] = []
    ledger = open_ledger(
        ledger_url,
        limits=[Limit("all", "10 USD")],
        on_alert=alerts.append,
        alert_at=(0.5,),
        lease=timedelta(microseconds=1),
    )
    ledger.reserve(Start(run_id="a", hold=Money.parse("6 USD")))
    assert ledger.expire() == 1
    ledger.close()
    assert [(a.share, str(a.spent)) for a in alerts] == [(0.5, "6 USD")]
