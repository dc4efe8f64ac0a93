"""From a handler, which knows whom a call is charged to, to the model, which sends it.

LangChain runs a handler's start inside the event loop, where nothing may wait for a disk. So the
handler only announces the attempt, and the model reserves it just before it is sent: it can wait
in a thread, or await in a loop.
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


_announced: dict[str, list[Admission]] = {}
"""By run; taken out when the call is sent or has ended."""
_latest: ContextVar[str] = ContextVar("langchain_qwen36_announced_run", default="")
"""The run announced last in this context: LangChain gives `_stream` no run in `stream`."""


def announce(admission: Admission) -> None:
    """Leave an attempt to the model that will send it."""
    run_id = admission.start.run_id
    _announced.setdefault(run_id, []).append(admission)
    _latest.set(run_id)


def withdraw(run_id: object) -> None:
    """Forget what was announced for a call that ended without being sent."""
    _announced.pop(str(run_id), None)


def admit(run_id: object | None) -> None:
    """Reserve what was announced for a call that is about to be sent.

    Args:
        run_id: The call's run; None: LangChain did not say, so the one announced last.

    Raises:
        BudgetExceededError: A limit would be passed; nothing was sent.
        LedgerError: The ledger is down, and calls without it are refused.
    """
    if _announced:
        for admission in _taken(run_id):
            admission.reserve()


async def aadmit(run_id: object | None) -> None:
    """`admit`, async: the event loop does not wait for the disk."""
    if _announced:
        for admission in _taken(run_id):
            await admission.areserve()


def _taken(run_id: object | None) -> list[Admission]:
    return _announced.pop(_latest.get() if run_id is None else str(run_id), [])
