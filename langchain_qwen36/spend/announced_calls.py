"""Pass a call from the handler, which knows who pays, to the model, which sends its requests.

LangChain runs a handler's start inside the event loop, where nothing may wait for a disk. So the
handler only announces the call, and the model has it admitted just before each request is sent: it
can wait in a thread, or await in a loop. This module decides nothing: limits are checked in
`callbacks/budget.py` and `spend/booking.py`.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Admission(Protocol):
    """A call that must be admitted before each of its requests.

    All methods raise `BudgetExceededError` if a limit would be passed, and `LedgerError` if the
    ledger is down and calls without it are refused.
    """

    def admit(self) -> None:
        """Reserve the first request."""
        ...

    async def aadmit(self) -> None:
        """`admit`, async."""
        ...

    def next_request(self, billed: Mapping[str, Any]) -> None:
        """Settle a request that the gateway may bill, and reserve the next one."""
        ...

    async def anext_request(self, billed: Mapping[str, Any]) -> None:
        """`next_request`, async."""
        ...


class AdmittedCall:
    """A call that every handler that counts it has admitted."""

    __slots__ = ("_admissions",)

    def __init__(self, admissions: Sequence[Admission]) -> None:
        self._admissions = admissions

    def next_request(self, billed: Mapping[str, Any]) -> None:
        """Settle a request of the call, and have the next one admitted.

        Args:
            billed: The known facts of the request: `usage` or `output_tokens`, `error`,
                `request_id`, `cost`.

        Raises:
            BudgetExceededError: A limit would be passed; the next request must not be sent.
            LedgerError: The ledger is down, and calls without it are refused.
        """
        for admission in self._admissions:
            admission.next_request(billed)

    async def anext_request(self, billed: Mapping[str, Any]) -> None:
        """`next_request`, async."""
        for admission in self._admissions:
            await admission.anext_request(billed)


_announced: dict[str, list[Admission]] = {}
"""Announced calls by run; removed when the call is sent or has ended."""
_latest: ContextVar[str] = ContextVar("langchain_qwen36_announced_run", default="")
"""The run announced last in this context: LangChain gives `_stream` no run in `stream`."""


def announce(run_id: object, admission: Admission) -> None:
    """Announce a call to the model that will send it."""
    key = str(run_id)
    _announced.setdefault(key, []).append(admission)
    _latest.set(key)


def withdraw(run_id: object) -> None:
    """Remove the announcement of a call that ended without being sent."""
    if _announced:
        _announced.pop(str(run_id), None)


def admit(run_id: object | None) -> AdmittedCall | None:
    """Reserve the announced call that is about to be sent.

    Args:
        run_id: The call's run; None: LangChain did not say, so the run announced last.

    Returns:
        An object that admits the call's further requests; None if no handler counts it.

    Raises:
        BudgetExceededError: A limit would be passed; nothing was sent.
        LedgerError: The ledger is down, and calls without it are refused.
    """
    if not (admissions := _taken(run_id)):
        return None
    for admission in admissions:
        admission.admit()
    return AdmittedCall(admissions)


async def aadmit(run_id: object | None) -> AdmittedCall | None:
    """`admit`, async: the event loop does not wait for the disk."""
    if not (admissions := _taken(run_id)):
        return None
    for admission in admissions:
        await admission.aadmit()
    return AdmittedCall(admissions)


def _taken(run_id: object | None) -> list[Admission]:
    if not _announced:
        return []
    return _announced.pop(_latest.get() if run_id is None else str(run_id), [])
