"""Groups of bookings: written whole, and never from a memory that another process made wrong."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from sqlalchemy import text

from langchain_qwen36.pricing import Money
from langchain_qwen36.spend import Attribution, End, Limit, Start

DOLLAR = Money.parse("1 USD")
USER = Attribution(user="u1")


def balance_of(ledger, account: str) -> tuple[str, str]:
    """Return what an account spent and holds."""
    [balance] = [b for b in ledger.balances() if b.account == account]
    return str(balance.spent), str(balance.held)


@pytest.mark.parametrize("number", [1, 7, 8, 129, 300])
def test_calls_that_are_booked_at_once_are_all_written(number, ledger_url, open_ledger):
    """However many calls wait together, each has its row and its part of the sums."""
    ledger = open_ledger(ledger_url, limits=[Limit("all", "1000 USD")])

    async def reserve_all(starts):
        await asyncio.gather(*(ledger.areserve(start) for start in starts))

    starts = [Start(run_id=f"r{n}", hold=DOLLAR) for n in range(number)]
    asyncio.run(reserve_all(starts))
    assert balance_of(ledger, "all") == ("0 USD", f"{number} USD")
    for start in starts:
        ledger.settle(start, End(cost=DOLLAR))
    assert balance_of(ledger, "all") == (f"{number} USD", "0 USD")
    assert len(json.loads(ledger.export("json"))["calls"]) == number


def test_an_end_replaces_a_hold_that_another_process_charged(ledger_url, open_ledger):
    """A hold whose lease ended was charged by another process; the real end replaces it."""
    first = open_ledger(ledger_url, limits=[Limit("all", "9 USD")])
    second = open_ledger(ledger_url)
    start = Start(run_id="a", hold=Money.parse("3 USD"))
    first.reserve(start)
    second._store.write(lambda c: c.execute(text("UPDATE spend_call SET lease_until = 0")))
    assert second.expire() == 1
    assert balance_of(second, "all") == ("3 USD", "0 USD")
    first.settle(start, End(cost=DOLLAR)).result()
    assert balance_of(first, "all") == ("1 USD", "0 USD")


def test_an_end_gives_back_what_another_process_added_to_the_hold(ledger_url, open_ledger):
    """A call that another process put under a limit of its own is taken out of it when it ends."""
    first = open_ledger(ledger_url, limits=[Limit("all", "9 USD")])
    second = open_ledger(ledger_url, lease=timedelta(minutes=5))
    start = Start(run_id="a", hold=Money.parse("3 USD"), attribution=USER)
    first.reserve(start)
    own = Start(
        run_id="a",
        hold=Money.parse("3 USD"),
        attribution=USER,
        limits=(Limit("user:u1", "5 USD"),),
        started=start.started,
    )
    second.reserve(own)
    assert balance_of(second, "user:u1") == ("0 USD", "3 USD")
    first.settle(start, End(cost=DOLLAR)).result()
    assert balance_of(first, "user:u1") == ("1 USD", "0 USD")
    assert balance_of(first, "all") == ("1 USD", "0 USD")


def test_tasks_of_two_event_loops_are_admitted_by_one_writer(ledger_url, open_ledger):
    """Each loop is woken for its own calls."""
    ledger = open_ledger(ledger_url, limits=[Limit("all", "9 USD")])

    async def reserve(run_id: str) -> None:
        await ledger.areserve(Start(run_id=run_id, hold=DOLLAR))

    async def both() -> None:
        await asyncio.gather(
            asyncio.to_thread(asyncio.run, reserve("a")), reserve("b"), reserve("c")
        )

    asyncio.run(both())
    assert balance_of(ledger, "all") == ("0 USD", "3 USD")


def test_a_group_that_cannot_be_written_fails_each_of_its_tasks(tmp_path, open_ledger):
    """An amount that no column holds fails its own call; those that wait with it are admitted."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/spend.db", limits=[Limit("all", "9 USD")])
    huge = Money.parse("99999999999999 USD")

    async def reserve_all() -> list[BaseException | None]:
        starts = [Start(run_id="a", hold=DOLLAR), Start(run_id="b", hold=huge)]
        waits = (ledger.areserve(start) for start in starts)
        return await asyncio.gather(*waits, return_exceptions=True)

    admitted, failed = asyncio.run(reserve_all())
    assert admitted is None
    assert isinstance(failed, ValueError)
