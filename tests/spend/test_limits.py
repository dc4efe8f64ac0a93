"""Limits of accounts: which hold for a call, and what is counted."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor, wait
from decimal import Decimal

import pytest

from langchain_qwen36.errors import BudgetExceededError
from langchain_qwen36.pricing import Money
from langchain_qwen36.spend import METADATA_KEYS, Attribution, End, Limit, Start

DOLLAR = Money.parse("1 USD")


def call(run_id: str, hold: str = "1 USD", **who) -> Start:
    """Return an attempt of somebody."""
    limits = who.pop("limits", ())
    attribution = Attribution(**who)
    return Start(run_id=run_id, hold=Money.parse(hold), attribution=attribution, limits=limits)


def balance(ledger, account: str):
    """Spent and held of an account."""
    found = next(b for b in ledger.balances() if b.account == account)
    return found.spent.amount, found.held.amount


@pytest.mark.parametrize("kind", METADATA_KEYS)
def test_each_kind_of_account_may_have_a_limit(kind, ledger_url, open_ledger):
    """A limit on each account of a kind refuses the second call of one and not that of another."""
    ledger = open_ledger(ledger_url, limits=[Limit(f"{kind}:*", "1 USD")])
    ledger.reserve(call("a", **{kind: "x"}))
    with pytest.raises(BudgetExceededError, match=f"{kind}:x"):
        ledger.reserve(call("b", **{kind: "x"}))
    ledger.reserve(call("c", **{kind: "y"}))


def test_the_tightest_of_several_limits_decides_and_none_is_charged_by_a_refusal(
    ledger_url, open_ledger
):
    """A call that one limit refuses holds nothing on the others."""
    limits = [Limit("all", "10 USD"), Limit("team:a", "2 USD"), Limit("user:*", "1 USD", per="day")]
    ledger = open_ledger(ledger_url, limits=limits)
    ledger.reserve(call("a", user="u1", team="a"))
    with pytest.raises(BudgetExceededError, match="user:u1 a day"):
        ledger.reserve(call("b", user="u1", team="a"))
    assert balance(ledger, "all") == (0, 1)
    assert balance(ledger, "team:a") == (0, 1)


def test_an_accounts_own_limit_goes_before_that_of_its_kind(ledger_url, open_ledger):
    """A user with a limit of his own has that one, and the others the one of each user."""
    ledger = open_ledger(ledger_url, limits=[Limit("user:*", "1 USD"), Limit("user:vip", "3 USD")])
    for run_id in "abc":
        ledger.reserve(call(run_id, user="vip"))
    with pytest.raises(BudgetExceededError, match="limit of 3 USD"):
        ledger.reserve(call("d", user="vip"))


def test_a_limit_of_the_ledger_goes_before_one_in_code_and_holds_everywhere(
    ledger_url, open_ledger
):
    """What an operator sets holds for the next call of a process that was there before."""
    ledger, operator = (
        open_ledger(ledger_url, limits=[Limit("all", "1 USD")]),
        open_ledger(ledger_url),
    )
    ledger.reserve(call("a"))
    with pytest.raises(BudgetExceededError):
        ledger.reserve(call("b"))
    operator.set_budget(Limit("all", "2 USD"))
    ledger.reserve(call("b"))
    with pytest.raises(BudgetExceededError):
        ledger.reserve(call("c"))
    operator.top_up("all", "1 USD")
    ledger.reserve(call("c"))


def test_a_limit_set_within_a_window_counts_what_was_spent_in_it(ledger_url, open_ledger):
    """A limit that comes later counts the calls of its window that were made before."""
    ledger = open_ledger(ledger_url)
    first = call("a", user="u1")
    ledger.reserve(first)
    ledger.settle(first, End(cost=DOLLAR))
    ledger.reserve(call("b", user="u1"))
    ledger.set_budget(Limit("user:u1", "2 USD", per="month"))
    with pytest.raises(BudgetExceededError, match="2 USD spent"):
        ledger.reserve(call("c", user="u1"))


def test_an_own_dimension_is_an_account(ledger_url, open_ledger):
    """A metadata key of one's own names accounts that limits hold for."""
    limits = [Limit("project:*", "1 USD")]
    ledger = open_ledger(ledger_url, limits=limits, dimensions={"project": "project_id"})
    who = ledger.attribution({"project_id": "p1"})
    ledger.reserve(Start(run_id="a", hold=DOLLAR, attribution=who))
    with pytest.raises(BudgetExceededError, match="project:p1"):
        ledger.reserve(Start(run_id="b", hold=DOLLAR, attribution=who))


def test_limits_of_a_second_reservation_of_a_call_hold_too(ledger_url, open_ledger):
    """Two handlers reserve one call: the limits of the second are not passed over."""
    ledger = open_ledger(ledger_url)
    limits = (Limit("thread:t1", "1 USD"),)
    ledger.reserve(call("a", thread="t1"))
    ledger.reserve(call("a", thread="t1", limits=limits))
    assert balance(ledger, "thread:t1") == (0, 1)
    ledger.settle(call("a"), End(cost=Money.parse("0.25 USD")))
    assert balance(ledger, "thread:t1") == (Decimal("0.25"), 0)
    ledger.reserve(call("b", thread="t1"))
    with pytest.raises(BudgetExceededError, match="thread:t1"):
        ledger.reserve(call("b", thread="t1", limits=limits))


def test_money_of_another_currency_is_refused_and_not_passed_over(ledger_url, open_ledger):
    """A limit in dollars refuses a call in yuan: it could not count it."""
    ledger = open_ledger(ledger_url, limits=[Limit("all", "5 USD")])
    with pytest.raises(BudgetExceededError, match="cannot count calls in CNY"):
        ledger.reserve(call("a", hold="1 CNY"))


def test_yuan_that_were_spent_close_a_limit_in_dollars(ledger_url, open_ledger):
    """A call that was held in dollars and cost yuan closes the limit, for it leaks."""
    ledger = open_ledger(ledger_url, limits=[Limit("all", "5 USD")])
    ledger.reserve(call("a"))
    ledger.settle(call("a"), End(cost=Money.parse("3 CNY")))
    with pytest.raises(BudgetExceededError, match="cannot count calls in CNY"):
        ledger.reserve(call("b"))


def test_an_unknown_cost_leaves_the_hold_charged(ledger_url, open_ledger):
    """A call whose cost nobody knows is charged what was held, never nothing."""
    ledger = open_ledger(ledger_url, limits=[Limit("all", "5 USD")])
    ledger.reserve(call("a"))
    ledger.settle(call("a"), End(cost=None, source="unknown"))
    assert balance(ledger, "all") == (1, 0)


def test_calls_at_the_same_time_cannot_pass_a_limit(ledger_url, open_ledger):
    """Of 40 calls in 8 threads on two ledgers, exactly those that fit are admitted."""
    limits = [Limit("all", "10 USD")]
    ledgers = [open_ledger(ledger_url, limits=limits) for _ in range(2)]

    def admitted(number: int) -> bool:
        try:
            ledgers[number % 2].reserve(call(f"r{number}"))
        except BudgetExceededError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(admitted, range(40))) == 10


async def test_a_cancelled_reservation_holds_nothing(ledger_url, open_ledger):
    """A task that is cancelled while it waits gives its hold back."""
    ledger = open_ledger(ledger_url, limits=[Limit("all", "1 USD")])
    task = asyncio.create_task(ledger.areserve(call("a")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    ledger.flush()
    await ledger.areserve(call("b"))


@pytest.mark.parametrize("has_begun", [True, False], ids=["begun", "queued"])
def test_an_interrupted_reservation_holds_nothing(ledger_url, open_ledger, has_begun, monkeypatch):
    """A thread that Ctrl-C wakes while it waits gives its hold back too."""
    ledger = open_ledger(ledger_url, limits=[Limit("all", "1 USD")])

    def press(reservation: Future):
        if has_begun:
            wait([reservation])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Future, "result", press)
        with pytest.raises(KeyboardInterrupt):
            ledger.reserve(call("a"))
    assert not any(found.spent.amount or found.held.amount for found in ledger.balances())
    ledger.reserve(call("b"))


ATTRIBUTIONS = [
    ({"user_id": "u1", "thread_id": "t1"}, (), {"user": "u1", "thread": "t1"}),
    ({"langfuse_user_id": 7, "session_id": "s"}, (), {"user": "7", "thread": "s"}),
    ({}, ("user:u1", "team:a", "nightly"), {"user": "u1", "team": "a"}),
    ({"user_id": "u1"}, ("user:u2",), {"user": "u1"}),
    ({"user_id": None, "team": ["a"], "agent": True}, (), {}),
    ({"agent_name": "x" * 300}, (), {"agent": "x" * 256}),
]


@pytest.mark.parametrize(
    ("metadata", "tags", "expected"),
    ATTRIBUTIONS,
    ids=["LangGraph", "Langfuse", "tags", "metadata before tags", "no ids", "a prompt as an id"],
)
def test_a_call_is_charged_to_whom_its_config_names(metadata, tags, expected):
    """Metadata and tags name the accounts by one table; what is no id is left out."""
    assert Attribution.of(metadata, tags) == Attribution(**expected, tags=tags)
