"""Reserve batches in spend ledgers before they are sent, and settle them with their results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_qwen36.pricing import Money
from langchain_qwen36.pricing.units import money_in
from langchain_qwen36.spend.entries import End, Start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_qwen36.bulk.batch.store import BatchStore, Part
    from langchain_qwen36.spend import SpendLedger


@dataclass(frozen=True, slots=True)
class BatchSpending:
    """The ledger entries of parts: one each, whichever process writes it."""

    store: BatchStore
    ledgers: Sequence[SpendLedger] = ()

    def reserve(self, part: Part, expected: Money | None) -> None:
        """Reserve the estimated cost of a part.

        Args:
            part: The part, before anything of it is sent.
            expected: Estimated cost at the batch price; None: not known, which a limit refuses.

        Raises:
            BudgetExceededError: A limit would be passed; nothing is reserved.
            LedgerError: A ledger cannot be used.
        """
        part.detail["expected"] = str(expected) if expected is not None else None
        held: list[SpendLedger] = []
        try:
            for ledger in self.ledgers:
                ledger.reserve(self._start(part, ledger))
                held.append(ledger)
        except BaseException:
            for ledger in held:
                ledger.release(self._start(part, ledger))
            raise

    def settle(self, part: Part) -> None:
        """Settle the cost of a part's rows; doing it again changes nothing."""
        if not self.ledgers:
            return
        spent = self.store.spent(part)
        end = End(
            cost=money_in(spent.units, spent.currency or _currency(part))
            if spent.is_known
            else None,
            model=part.model,
            gateway=part.gateway,
            input_tokens=spent.input_tokens,
            output_tokens=spent.output_tokens,
            response_id=part.batch_id,
        )
        for ledger in self.ledgers:
            ledger.settle(self._start(part, ledger), end).result()

    def _start(self, part: Part, ledger: SpendLedger) -> Start:
        expected = part.detail.get("expected")
        return Start(
            run_id=f"batch-{part.file}",
            model=part.requested_model,
            gateway=part.gateway,
            hold=Money.parse(expected) if expected else None,
            refuse_unpriced=True,
            attribution=ledger.attribution({}),
        )


def _currency(part: Part) -> str:
    """Return the currency of a part's estimated cost: its real cost may be 0."""
    expected = part.detail.get("expected")
    return Money.parse(expected).currency if expected else ""
