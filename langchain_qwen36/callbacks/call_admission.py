"""Pass each request of a call to the budgets that admit it: the first, retries, repeated questions.

The decisions are made in `callbacks/budget.py` (`Budget.admit`) and `spend/booking.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36.callbacks.ledger import Ledger
    from langchain_qwen36.callbacks.pricer import Pricer
    from langchain_qwen36.callbacks.records import BilledAttempt
    from langchain_qwen36.callbacks.spend_ledger import DurableBook
    from langchain_qwen36.callbacks.tracked_call import TrackedCall


class CallAdmission:
    """Admits the requests of a call at every handler that counts it."""

    __slots__ = ("_call", "_durable", "_ledgers", "_pricer")

    def __init__(
        self,
        call: TrackedCall,
        pricer: Pricer,
        ledgers: tuple[Ledger, ...],
        durable: tuple[DurableBook, ...],
    ) -> None:
        """Store the ledgers of all handlers that count the call.

        Args:
            call: The call.
            pricer: Prices its requests.
            ledgers: The handlers' ledgers in memory; they hold the first request already.
            durable: The handlers' spend ledgers.
        """
        self._call = call
        self._pricer = pricer
        self._ledgers = ledgers
        self._durable = durable

    def admit(self) -> None:
        """Reserve the first request in the spend ledgers."""
        for book in self._durable:
            book.admit(self._call.run_id)

    async def aadmit(self) -> None:
        """`admit`, async."""
        for book in self._durable:
            await book.aadmit(self._call.run_id)

    def next_request(self, billed: Mapping[str, Any]) -> None:
        """Settle a request of the call, and reserve the next one."""
        attempt = self._charge(billed)
        for book in self._durable:
            book.next_request(self._call.run_id, attempt)

    async def anext_request(self, billed: Mapping[str, Any]) -> None:
        """`next_request`, async."""
        attempt = self._charge(billed)
        for book in self._durable:
            await book.anext_request(self._call.run_id, attempt)

    def _charge(self, billed: Mapping[str, Any]) -> BilledAttempt:
        """Charge a request to the budgets in memory."""
        call = self._call
        attempt = call.bill(billed, self._pricer, call.gateway)
        call.billed_attempts.append(billed)
        call.chunks.clear()  # they belong to this request
        for ledger in self._ledgers:
            ledger.next_request(call.run_id, attempt, call.model or "a model")
        return attempt
