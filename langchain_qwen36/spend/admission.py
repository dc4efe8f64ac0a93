"""From a handler, which knows whom a call is charged to, to the model, which sends it.

LangChain runs a handler's start inside the event loop, where nothing may wait for a disk. So the
handler only announces the attempt, and the model reserves it just before it is sent: it can wait
in a thread, or await in a loop. A context variable takes it there, for LangChain gives a plain
`stream` no run (docs/quirks.md#langchain-stream-without-run).
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_qwen36.spend.entries import Start
    from langchain_qwen36.spend.ledger import SpendLedger


class Admission:
    """An attempt that is to be reserved before it is sent; reserved at most once."""

    __slots__ = ("is_pending", "ledger", "start")

    def __init__(self, ledger: SpendLedger, start: Start) -> None:
        self.ledger = ledger
        self.start = start
        self.is_pending = True

    def reserve(self) -> None:
        """Reserve it, or raise.

        Raises:
            BudgetExceededError: A limit would be passed.
            LedgerError: The ledger is down, and calls without it are refused.
        """
        if self.is_pending:
            self.is_pending = False
            self.ledger.reserve(self.start)

    async def areserve(self) -> None:
        """`reserve`, async."""
        if self.is_pending:
            self.is_pending = False
            await self.ledger.areserve(self.start)


_pending: ContextVar[tuple[Admission, ...]] = ContextVar("langchain_qwen36_admissions", default=())


def announce(admission: Admission) -> None:
    """Leave an attempt to the model that will send it, later in this context."""
    waiting = (other for other in _pending.get() if other.is_pending)
    _pending.set((*waiting, admission))


def admit(run_id: object | None) -> None:
    """Reserve what was announced for a call that is about to be sent.

    Args:
        run_id: The call's run; None: LangChain did not say, so the one announced last.

    Raises:
        BudgetExceededError: A limit would be passed; nothing was sent.
        LedgerError: The ledger is down, and calls without it are refused.
    """
    for admission in _announced(run_id):
        admission.reserve()


async def aadmit(run_id: object | None) -> None:
    """`admit`, async: the event loop does not wait for the disk."""
    for admission in _announced(run_id):
        await admission.areserve()


def _announced(run_id: object | None) -> list[Admission]:
    waiting = [admission for admission in _pending.get() if admission.is_pending]
    if not waiting:
        return waiting
    wanted = waiting[-1].start.run_id if run_id is None else str(run_id)
    return [admission for admission in waiting if admission.start.run_id == wanted]
