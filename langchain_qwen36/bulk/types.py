"""What a bulk run is made of: a row, how its call ended, and the report of a run."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - a field's type
from dataclasses import dataclass, field
from decimal import Decimal  # noqa: TC003 - a field's type
from pathlib import Path  # noqa: TC003 - a field's type
from typing import Any, Literal

from langchain_qwen36.pricing.units import amount_of

State = Literal["pending", "sent", "batch", "done", "failed"]
"""Of a row: not called yet, a call is under way, in a batch job, answered, refused for good."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of the input on its way into the journal."""

    key: str
    """Hash of the request that it makes."""
    position: int
    """From 0, in the order of the input."""
    line: int
    """Line of a file, or number of an item, from 1."""
    id: str


@dataclass(slots=True, kw_only=True)
class Row:
    """A row as the journal has it."""

    key: str
    """Hash of the request; the `custom_id` of a batch job."""
    position: int
    """From 0, in the order of the input."""
    line: int
    """Line of a file, or number of an item, from 1."""
    id: str
    """The row's `id` field, else its line number."""
    state: State
    """How far it is."""
    attempts: int = 0
    """Calls that were begun, those that a crash cut included."""
    answer: Mapping[str, Any] | None = None
    """`answer`, `reasoning`, `parsed`, `tool_calls`, `finish_reason`, `model`."""
    usage: Mapping[str, Any] | None = None
    """LangChain's `UsageMetadata`."""
    cost: int | None = None
    """Units of 10^-12 of the currency, all attempts together; None: not known."""
    currency: str = ""
    """Of the cost."""
    error: Mapping[str, Any] | None = None
    """`type`, `message`, `status_code`, `code`, `request_id`."""
    fields: Mapping[str, Any] | None = None
    """The input, kept where the row failed."""
    batch: int | None = None
    """Number of the batch job that holds it."""

    @property
    def amount(self) -> Decimal | None:
        """The cost as an amount of the currency."""
        return None if self.cost is None else amount_of(self.cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a row's call ended, as it is written to the journal.

    `pending` puts the row back: it will be called again.
    """

    key: str
    state: Literal["pending", "done", "failed"]
    answer: Mapping[str, Any] | None = None
    usage: Mapping[str, Any] | None = None
    cost: int | None = None
    """Of this attempt; it is added to what earlier ones cost."""
    currency: str = ""
    error: Mapping[str, Any] | None = None
    fields: Mapping[str, Any] | None = None
    """The input, to be kept where the row failed."""
    sent: bool = True
    """Whether a request was sent: a budget may refuse it before."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one worker commits at once: the end of its last row, the beginning of its next."""

    ended: Outcome | None = None
    begun: str | None = None
    """Key of the row that is sent next."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has begun."""

    number: int
    generation: int
    in_flight: int
    """Rows whose call was under way when an earlier run died: they are sent again."""
    paid_again: int = 0
    """The same of all runs with this output."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all rows."""

    usage: Mapping[str, int]
    cost: Mapping[str, int]
    """Units by currency."""
    unpriced: int
    """Answers whose cost is not known."""


@dataclass(slots=True, kw_only=True)
class BulkReport:
    """What a run did, and what the journal holds at its end."""

    rows: int = 0
    """Rows of the input that were read."""
    done: int = 0
    """Rows with an answer, earlier runs' included."""
    failed: int = 0
    """Dead letters: rows that were refused for good."""
    pending: int = 0
    """Rows that were read and are neither; a later run goes on with them."""
    reused: int = 0
    """Answers of earlier runs that were not paid again."""
    calls: int = 0
    """Calls that this run made."""
    paid_again: int = 0
    """Calls that were under way when a run died, and so may be paid a second time."""
    usage: Mapping[str, int] = field(default_factory=dict)
    """Sums of input, output and total tokens over all rows."""
    cost: Mapping[str, Decimal] = field(default_factory=dict)
    """Amount by currency over all rows, earlier runs' included."""
    unpriced: int = 0
    """Answers whose cost is not known; they are not in `cost`."""
    seconds: float = 0.0
    """Of this run."""
    stopped: str | None = None
    """Why the run ended before the input did; None: it is complete."""
    state: Path | None = None
    """The journal."""
    output: Path | None = None
    """The answers, in input order."""
    dead_letters: Path | None = None
    """The failed rows with their errors; None: there are none."""

    @property
    def is_complete(self) -> bool:
        """Whether each row has an answer or an error of its own."""
        return self.stopped is None and self.pending == 0

    def __str__(self) -> str:
        """One line: rows, errors, cost, and how to go on."""
        amounts = [f"{amount.normalize():f} {name}" for name, amount in self.cost.items()]
        parts = [f"{self.done} of {self.rows} rows answered"]
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{self.reused} from earlier runs"] if self.reused else []
        parts += [f"{self.paid_again} perhaps paid twice after a crash"] if self.paid_again else []
        parts += [" + ".join(amounts) or "cost unknown"]
        parts += [f"{self.unpriced} without a known price"] if self.unpriced and amounts else []
        parts += [f"stopped: {self.stopped}"] if self.stopped else []
        return "; ".join(parts)
