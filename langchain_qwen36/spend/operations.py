"""The operations that a ledger writes: attempts to admit, and ends to charge."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_qwen36.spend.alerts import Crossed
    from langchain_qwen36.spend.entries import End, Start
    from langchain_qwen36.spend.refusal import Refusal


class Reserve:
    """Admits an attempt, or refuses it."""

    __slots__ = ("forced", "refusal", "start")

    def __init__(self, start: Start, *, forced: bool = False) -> None:
        """Store the attempt.

        Args:
            start: The attempt.
            forced: Whether to write it even past a limit: the call was made while the ledger was
                down.
        """
        self.start = start
        self.forced = forced
        self.refusal: Refusal | None = None
        """The refusal; None: it is admitted."""


class Settle:
    """Charges the cost of an attempt, which need not have been reserved."""

    __slots__ = ("crossed", "end", "start")

    def __init__(self, start: Start, end: End) -> None:
        self.start = start
        self.end = end
        self.crossed: list[Crossed] = []
        """Balances that the charge raised."""


Operation = Reserve | Settle
