"""Reserve before a call, settle after it, and read what was spent, in a shared database."""

from __future__ import annotations

import os
import weakref
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from langchain_qwen36.errors import LedgerError, LedgerUnavailableError
from langchain_qwen36.pricing import Money
from langchain_qwen36.pricing.units import units_of
from langchain_qwen36.spend.accounts import Attribution, Limit
from langchain_qwen36.spend.alerts import Alerts, OnAlert
from langchain_qwen36.spend.entries import End, Start
from langchain_qwen36.spend.environment import check_installed
from langchain_qwen36.spend.focus import COLUMNS, FocusVersion, charges
from langchain_qwen36.spend.operations import Reserve, Settle
from langchain_qwen36.spend.period import first_day
from langchain_qwen36.spend.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from langchain_qwen36.spend.limits import Rule
    from langchain_qwen36.spend.reading import AccountBalance
    from langchain_qwen36.spend.refusal import Refusal
    from langchain_qwen36.spend.report import SpendReport
    from langchain_qwen36.spend.store import OnFailure, Store

ExportFormat = Literal["csv", "json", "focus"]

_ledgers: weakref.WeakSet[SpendLedger] = weakref.WeakSet()


class SpendLedger:
    """The cost of calls and their limits, kept in SQLite or Postgres and shared by processes.

        ledger = SpendLedger("sqlite:///spend.db", limits=[Limit("user:*", "5 USD", per="day")])
        model = ChatQwen36(model="qwen3.6-plus", callbacks=[QwenCostCallbackHandler(ledger=ledger)])
        model.invoke("Hello", config={"metadata": {"user_id": "u1"}})

    A call is reserved before it is sent, which holds its estimated cost, and settled when it ends.
    The holds of a process that dies are charged when their lease is over. Threads, tasks, processes
    and machines may use one ledger; it pickles as its settings.
    """

    def __init__(
        self,
        url: str = "sqlite:///spend.db",
        *,
        limits: Iterable[Limit] = (),
        on_failure: OnFailure = "refuse",
        lease: timedelta = timedelta(minutes=15),
        dimensions: Mapping[str, str] | None = None,
        spool: Path | None = None,
        on_alert: OnAlert | None = None,
        alert_at: Sequence[float] = (0.5, 0.8, 1.0),
    ) -> None:
        """Open a ledger, and create its tables if there are none.

        Args:
            url: `sqlite:///spend.db` or `postgresql://user:password@host/database`.
            limits: Limits for all calls reserved here; those that are set in the ledger (`spend
                budgets set`) win over them.
            on_failure: What to do while the ledger cannot be reached: `refuse` calls, or `allow`
                them: their cost is then kept in `spool` and written later. Ends are never lost in
                either case.
            lease: How long a hold lasts if the call's end never comes. A call may take longer: its
                real end replaces the charge.
            dimensions: Accounts of your own, `{"project": "project_id"}`: the metadata key by kind.
            spool: The file for entries that cannot be written now; one in the user's state folder
                when left out.
            on_alert: Called with an `Alert`, in a thread of its own; it may be async.
            alert_at: Shares of a budget at which to alert.

        Raises:
            ValueError: `on_failure` or `lease` is invalid; the message lists the choices.
            LedgerError: The URL, driver, file or schema is wrong; the message names the fix.
            LedgerUnavailableError: The ledger cannot be reached, and `on_failure` is `refuse`.
        """
        check_installed()
        from langchain_qwen36.spend import store  # noqa: PLC0415 - an extra

        _check_settings(on_failure, lease, get_args(store.OnFailure))
        self.url = url
        self.limits = tuple(limits)
        self.dimensions = dict(dimensions or {})
        self._settings = {
            "url": url,
            "limits": self.limits,
            "on_failure": on_failure,
            "lease": lease,
            "dimensions": self.dimensions,
            "spool": spool,
            "on_alert": on_alert,
            "alert_at": alert_at,
        }
        self._alerts = Alerts(on_alert, alert_at) if on_alert else None
        self._store: Store = store.Store(
            url,
            limits=self.limits,
            lease=lease,
            on_failure=on_failure,
            spool=spool,
            alerts=self._alerts,
        )
        self._writer = Writer(self._store.apply, "langchain-qwen36-ledger")
        _open(self._store, on_failure)
        self._finalizer = weakref.finalize(
            self, _shut_down, self._writer, self._store, self._alerts
        )
        _ledgers.add(self)

    def __reduce__(self) -> tuple[Callable[..., SpendLedger], tuple[dict[str, Any]]]:
        return _reopen, (self._settings,)

    def __repr__(self) -> str:
        return f"SpendLedger({self._store.url.render_as_string(hide_password=True)!r})"

    # Reserving and settling.

    def attribution(
        self, metadata: Mapping[str, Any], tags: Sequence[str] = (), tool: str | None = None
    ) -> Attribution:
        """Return the accounts that a call is charged to, from its config and your dimensions."""
        return Attribution.of(metadata, tags, own=self.dimensions, tool=tool)

    def reserve(self, start: Start) -> None:
        """Admit an attempt and durably hold its estimated cost; a second time changes nothing.

        Raises:
            BudgetExceededError: A limit would be passed; the call must not be made.
            LedgerError: The ledger is down, and calls without it are refused.
        """
        _raise(self._writer.wait(Reserve(start), undo=partial(self.release, start)))

    async def areserve(self, start: Start) -> None:
        """`reserve`, async: the event loop does not wait for the disk."""
        _raise(await self._writer.run(Reserve(start), undo=partial(self.release, start)))

    def settle(self, start: Start, end: End) -> Future[None]:
        """Replace the hold of an attempt by its cost.

        It returns at once: the future resolves when the cost is durable, which nobody need wait
        for. A second end changes nothing, but a real one replaces one that was cancelled, abandoned
        or expired.
        """
        return self._writer.submit(Settle(start, end))

    def settle_unawaited(self, start: Start, end: End) -> None:
        """`settle` without a future; what cannot be written is logged."""
        self._writer.put(Settle(start, end))

    def release(self, start: Start) -> None:
        """Release the hold of an attempt that was not sent."""
        nothing = Money(start.hold.amount * 0, start.hold.currency) if start.hold else None
        self.settle_unawaited(start, End(cost=nothing, source="not_sent", ending="error"))

    def flush(self) -> None:
        """Wait until everything settled so far is durable."""
        self._writer.submit(None).result()

    def expire(self) -> int:
        """Charge the holds whose lease is over; return how many there were."""
        self.flush()
        return self._store.expire()

    # Reading and limits.

    def answer_lengths(self, model: str) -> Sequence[int]:
        """Return the output tokens of a model's last answers in all processes, the newest first.

        They are as old as half a minute: nothing is read from the database for it.
        """
        return self._store.answer_lengths.get(model, ())

    def balances(self) -> list[AccountBalance]:
        """Return what each account spent, holds and may spend in the current windows."""
        return cast("list[AccountBalance]", self._read("read_balances"))

    def budgets(self) -> list[Rule]:
        """Return the limits that are set in the ledger; those in code are `limits`."""
        return cast("list[Rule]", self._read("read_budgets"))

    def set_budget(self, limit: Limit) -> None:
        """Set or change a limit; it applies from the next call of every process."""
        self._write("set_budget", limit)

    def remove_budget(self, account: str) -> int:
        """Remove the limits of an account; return how many there were."""
        return cast("int", self._write("remove_budget", account))

    def top_up(self, account: str, amount: str | Money) -> None:
        """Let an account spend more in the current window.

        Raises:
            LedgerError: The account has no limit, or one in another currency.
        """
        money = Money.of(amount)
        rule = cast("Rule", self._read("rule_of", account, money.currency))
        self._write("top_up", rule._replace(amount=units_of(money.amount)), datetime.now(UTC))

    def report(self, since: str | date = "4w") -> SpendReport:
        """Return the report of a period; a notebook draws it, `save` writes it as one HTML file.

        Args:
            since: `4w`, `30d`, `3m`, or the first day.
        """
        from langchain_qwen36.spend.report import SpendReport  # noqa: PLC0415 - an extra
        from langchain_qwen36.spend.report.data import collect  # noqa: PLC0415 - an extra

        self.flush()
        return SpendReport(self._store.read(partial(collect, first=first_day(since))))

    def export(
        self,
        format: ExportFormat = "csv",  # noqa: A002
        since: str | date = "4w",
        *,
        focus_version: FocusVersion = "1.3",
    ) -> str:
        """Write calls as CSV or JSON, or the sums of days as FOCUS charges.

        Args:
            format: `csv`, `json` or `focus`. No cell of a CSV can run as a formula.
            since: `4w`, `30d`, `3m`, or the first day.
            focus_version: The version of FOCUS that the columns are of.

        Raises:
            ValueError: There is no such format or version; the message lists them.
        """
        for name, value, choices in (
            ("format", format, get_args(ExportFormat)),
            ("focus_version", focus_version, get_args(FocusVersion)),
        ):
            if value not in choices:
                raise ValueError(f"{name}={value!r} must be one of {', '.join(choices)}")
        self.flush()
        query = partial(_export, format=format, first=first_day(since), focus=focus_version)
        return cast("str", self._store.read(query))

    def _read(self, name: str, *arguments: Any) -> Any:
        from langchain_qwen36.spend import reading  # noqa: PLC0415 - an extra

        self.flush()
        query = getattr(reading, name)
        return self._store.read(lambda connection: query(connection, *arguments))

    def _write(self, name: str, *arguments: Any) -> Any:
        from langchain_qwen36.spend import reading  # noqa: PLC0415 - an extra

        self.flush()
        change = getattr(reading, name)
        return self._store.write(lambda connection: change(connection, *arguments))

    def close(self) -> None:
        """Write queued operations, and close the database; a later call opens it again."""
        _shut_down(self._writer, self._store, self._alerts)

    def _after_fork(self) -> None:
        """Give a child process a writer thread and connections of its own."""
        self._writer = Writer(self._store.apply, "langchain-qwen36-ledger")
        self._store.dispose(close=False)
        if self._alerts is not None:
            self._alerts.forget_thread()
        self._finalizer.detach()
        self._finalizer = weakref.finalize(
            self, _shut_down, self._writer, self._store, self._alerts
        )


def _shut_down(writer: Writer, store: Store, alerts: Alerts | None) -> None:
    """Write queued operations; also at exit, or when the ledger is garbage-collected."""
    writer.close()
    if alerts is not None:
        alerts.close()
    store.dispose()


def _export(
    connection: Connection,
    *,
    format: ExportFormat,  # noqa: A002
    first: date,
    focus: FocusVersion,
) -> str:
    from langchain_qwen36.spend import export, reading  # noqa: PLC0415 - an extra

    if format == "focus":
        columns = ("day", "model", "gateway", "user_id", "team", "agent", "tool")
        rows = reading.rollup_by(connection, columns, first.isoformat(), "9999")
        return export.to_csv(charges(rows), COLUMNS[focus])
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    calls = export.call_rows(reading.read_calls(connection, begin))
    return export.to_json(calls) if format == "json" else export.to_call_csv(calls)


def _raise(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise refusal.error()


def _reopen(settings: dict[str, Any]) -> SpendLedger:
    return SpendLedger(**settings)


def _check_settings(on_failure: str, lease: timedelta, choices: Collection[str]) -> None:
    if on_failure not in choices:
        raise ValueError(f"on_failure={on_failure!r} must be 'refuse' or 'allow'")
    if lease <= timedelta(0):
        raise ValueError(f"lease={lease!r} must be above 0")


def _open(store: Store, on_failure: OnFailure) -> None:
    """Open a store; one that cannot be reached may stay closed if calls are allowed then."""
    try:
        store.open()
    except LedgerError as error:
        if not (isinstance(error, LedgerUnavailableError) and on_failure == "allow"):
            store.dispose()
            raise


def _in_child() -> None:
    for ledger in list(_ledgers):
        ledger._after_fork()  # noqa: SLF001 - the same module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
