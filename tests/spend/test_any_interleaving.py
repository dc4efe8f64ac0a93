"""Any interleaving of reserve, settle, expiry, late ends and deaths, against a plain oracle."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)
from postgres_server import drop_database, new_database

from langchain_qwen36.errors import BudgetExceededError
from langchain_qwen36.pricing import Money
from langchain_qwen36.spend import Attribution, End, Limit, SpendLedger, Start

USERS = ("u1", "u2")
LIMITS = {"user:u1": Decimal(5), "user:u2": Decimal(9), "all": Decimal(11)}
LIMIT_SETTINGS = [Limit(account, f"{amount} USD") for account, amount in LIMITS.items()]

amounts = st.integers(0, 4_000_000).map(lambda n: Decimal(n) / 1_000_000)


@dataclass
class Call:
    start: Start
    user: str
    hold: Decimal
    state: str = "open"
    charged: Decimal = Decimal(0)
    ending: str = ""


@dataclass
class Oracle:
    """What the ledger should say, by plain sums over all calls."""

    calls: list[Call] = field(default_factory=list)

    def of(self, account: str) -> list[Call]:
        """Return the calls that count in an account."""
        return [c for c in self.calls if account in ("all", f"user:{c.user}")]

    def spent(self, account: str) -> Decimal:
        """Return what they cost."""
        return sum((c.charged for c in self.of(account)), Decimal(0))

    def held(self, account: str) -> Decimal:
        """Return what the open ones may cost."""
        return sum((c.hold for c in self.of(account) if c.state == "open"), Decimal(0))

    def admits(self, user: str, hold: Decimal) -> bool:
        """Whether every limit has room."""
        used = {a: self.spent(a) + self.held(a) for a in ("all", f"user:{user}")}
        return all(n < LIMITS[a] and n + hold <= LIMITS[a] for a, n in used.items())


class LedgerMachine(RuleBasedStateMachine):
    """Two processes on one database; one of them may die, and holds may outlive their lease."""

    url: str
    open_calls = Bundle("open_calls")
    ended_calls = Bundle("ended_calls")

    def __init__(self) -> None:
        super().__init__()
        folder = Path(mkdtemp(prefix="ledger"))
        if self.url == "sqlite":
            self.database = f"sqlite:///{folder}/spend.db"
        else:
            self.database = new_database(self.url, f"t{uuid4().hex[:12]}")
        self.spool = folder / "spool"
        self.ledgers = [self._open(), self._open()]
        self.oracle = Oracle()

    def _open(self) -> SpendLedger:
        return SpendLedger(
            self.database, limits=LIMIT_SETTINGS, spool=self.spool, lease=timedelta(hours=1)
        )

    def teardown(self) -> None:
        """Close the ledgers."""
        for ledger in self.ledgers:
            ledger.close()
        if self.url != "sqlite":
            drop_database(self.url, self.database.partition("@/")[2].partition("?")[0])

    @rule(
        target=open_calls,
        which=st.sampled_from([0, 1]),
        user=st.sampled_from(USERS),
        hold=amounts,
        twice=st.booleans(),
    )
    def reserve(self, which, user, hold, twice):
        """Reserve a call: it is admitted exactly where every limit has room; twice is once."""
        start = Start(
            run_id=uuid4().hex,
            model="m",
            gateway="g",
            hold=Money(hold, "USD"),
            attribution=Attribution(user=user),
        )
        call = Call(start, user, hold)
        admitted = self.oracle.admits(user, hold)
        try:
            self.ledgers[which].reserve(start)
            if twice:
                self.ledgers[1 - which].reserve(start)
        except BudgetExceededError:
            assert not admitted
            call.state = "refused"
            call.hold = Decimal(0)
        else:
            assert admitted
        self.oracle.calls.append(call)
        return call

    @rule(
        target=ended_calls,
        call=consumes(open_calls),
        which=st.sampled_from([0, 1]),
        share=st.integers(0, 100),
        known=st.booleans(),
        ending=st.sampled_from(["ok", "error", "cancelled", "abandoned"]),
        twice=st.booleans(),
    )
    def settle(self, call, which, share, known, ending, twice):  # noqa: PLR0917 - hypothesis names them
        """Settle a call at no more than was held, as with `reserve="worst"`."""
        if call.state == "refused":
            return call
        cost = call.hold * share / 100 if known else call.hold
        end = End(cost=Money(cost, "USD") if known else None, ending=ending, source="list")
        self.ledgers[which].settle(call.start, end)
        if twice:
            self.ledgers[1 - which].settle(call.start, end)
            self.ledgers[1 - which].flush()
        self.ledgers[which].flush()
        self._note(call, cost, ending)
        return call

    @rule(call=ended_calls, share=st.integers(0, 100), ending=st.sampled_from(["ok", "abandoned"]))
    def late_end(self, call, share, ending):
        """Let a real end come late: it replaces an estimate or a charged hold only."""
        if call.state == "refused":
            return
        cost = call.hold * share / 100
        self.ledgers[0].settle(call.start, End(cost=Money(cost, "USD"), ending=ending))
        self.ledgers[0].flush()
        self._note(call, cost, ending)

    @rule(target=ended_calls, call=consumes(open_calls))
    def expire(self, call):
        """Let a lease run out: the call is charged as held."""
        if call.state == "open":
            self._end_lease(call.start.id)
            self.ledgers[0].expire()
            call.state, call.charged = "expired", call.hold
        return call

    @rule(which=st.sampled_from([0, 1]))
    def die(self, which):
        """Let a process die: what it settled is durable."""
        self.ledgers[which]._store.dispose()
        self.ledgers[which] = self._open()

    @invariant()
    def sums_are_the_oracles(self):
        """Balances are the sums of the calls, and within their limits."""
        balances = {b.account: b for b in self.ledgers[0].balances()}
        for account, limit in LIMITS.items():
            spent, held = self.oracle.spent(account), self.oracle.held(account)
            balance = balances.get(account)
            found = (balance.spent.amount, balance.held.amount) if balance else (0, 0)
            assert found == (spent, held)
            assert spent + held <= limit

    @invariant()
    def every_call_is_booked_once(self):
        """Check that the rollup counts each ended call and its charge once."""
        total = sum((c.charged for c in self.oracle.calls), Decimal(0))
        ended = [c for c in self.oracle.calls if c.state in ("settled", "expired")]
        rows = self.ledgers[0]._read("rollup_by", ("model",), "0000", "9999")
        assert sum(row["calls"] for row in rows) == len(ended)
        assert sum(row["cost"] for row in rows) == int(total * 10**12)

    @staticmethod
    def _note(call: Call, cost: Decimal, ending: str) -> None:
        replaces = call.ending in ("cancelled", "abandoned") and ending in ("ok", "error")
        if call.state in ("open", "expired") or replaces:
            call.state, call.charged, call.ending = "settled", cost, ending

    def _end_lease(self, id_: str) -> None:
        def change(connection):
            connection.exec_driver_sql(
                f"UPDATE spend_call SET lease_until = 0 WHERE id = '{id_}'"  # noqa: S608
            )

        self.ledgers[0]._store.write(change)


CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.timeout(300)
def test_spent_and_held_never_pass_a_limit_in_any_interleaving(kind, request):
    """Reserve, settle, expiry, late ends and deaths in any order agree with plain sums."""
    url = kind if kind == "sqlite" else request.getfixturevalue("postgres_folder")
    machine = type("Machine", (LedgerMachine,), {"url": url})
    profile = settings(
        max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=CHECKS
    )
    run_state_machine_as_test(machine, settings=profile)
