"""The types of a bulk run: a row, the outcome of its call, and the report of a run."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - a field's type
from dataclasses import dataclass, field
from decimal import Decimal  # noqa: TC003 - a field's type
from pathlib import Path  # noqa: TC003 - a field's type
from typing import Any, Literal

from langchain_qwen36.pricing.units import amount_of

State = Literal["pending", "sent", "batch", "done", "failed"]
"""State of a row: not called yet, in flight, in a batch job, answered, refused for good."""


@dataclass(slots=True)
class Candidate:
    """A row of the input before it is stored in the journal."""

    key: str
    """Hash of the request."""
    position: int
    """Position from 0, in the order of the input."""
    line: int
    """Line of a file, or number of an item, from 1."""
    id: str


@dataclass(slots=True, kw_only=True)
class Row:
    """A row as the journal has it."""

    key: str
    """Hash of the request; the `custom_id` in a batch job."""
    position: int
    """Position from 0, in the order of the input."""
    line: int
    """Line of a file, or number of an item, from 1."""
    id: str
    """The row's `id` field, else its line number."""
    state: State
    """The state of the row."""
    attempts: int = 0
    """Number of calls that were begun, including those that a crash cut off."""
    answer: Mapping[str, Any] | None = None
    """The keys `answer`, `reasoning`, `parsed`, `tool_calls`, `finish_reason`, `model`."""
    usage: Mapping[str, Any] | None = None
    """LangChain's `UsageMetadata`."""
    cost: int | None = None
    """Cost of all attempts in units of 10^-12 of the currency; None: not known."""
    currency: str = ""
    """Currency of the cost."""
    error: Mapping[str, Any] | None = None
    """The keys `type`, `message`, `status_code`, `code`, `request_id`."""
    fields: Mapping[str, Any] | None = None
    """The input, kept if the row failed."""
    batch: int | None = None
    """Number of the batch job that holds the row."""

    @property
    def amount(self) -> Decimal | None:
        """The cost as an amount of the currency."""
        return None if self.cost is None else amount_of(self.cost)


@dataclass(slots=True, kw_only=True)
class Outcome:
    """The outcome of a row's call, as it is written to the journal.

    The state `pending` puts the row back: it will be called again.
    """

    key: str
    state: Literal["pending", "done", "failed"]
    answer: Mapping[str, Any] | None = None
    usage: Mapping[str, Any] | None = None
    cost: int | None = None
    """Cost of this attempt; it is added to that of earlier ones."""
    currency: str = ""
    error: Mapping[str, Any] | None = None
    fields: Mapping[str, Any] | None = None
    """The input, to be kept if the row failed."""
    sent: bool = True
    """Whether a request was sent: a budget may refuse it before."""


@dataclass(slots=True)
class Turn:
    """One commit of a worker: the end of its last row and the beginning of its next."""

    ended: Outcome | None = None
    begun: str | None = None
    """Key of the row that is sent next."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has begun."""

    number: int
    generation: int
    in_flight: int
    """Rows in flight when an earlier run died: they are sent again."""
    paid_again: int = 0
    """Rows in flight when any run with this output died."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all rows."""

    usage: Mapping[str, int]
    cost: Mapping[str, int]
    """Cost in units of 10^-12 by currency."""
    unpriced: int
    """Answers whose cost is not known."""


@dataclass(slots=True, kw_only=True)
class BulkReport:
    """The result of a run, and the state of the journal at its end."""

    rows: int = 0
    """Rows of the input that were read."""
    done: int = 0
    """Rows with an answer, including those of earlier runs."""
    failed: int = 0
    """Dead letters: rows that were refused for good."""
    pending: int = 0
    """Rows that were read and are neither; a later run continues with them."""
    reused: int = 0
    """Answers of earlier runs that were not paid again."""
    calls: int = 0
    """Calls that this run made."""
    paid_again: int = 0
    """Calls in flight when a run died, which may be paid a second time."""
    usage: Mapping[str, int] = field(default_factory=dict)
    """Sums of input, output and total tokens over all rows."""
    cost: Mapping[str, Decimal] = field(default_factory=dict)
    """Amount by currency over all rows, including those of earlier runs."""
    unpriced: int = 0
    """Answers whose cost is not known; they are not in `cost`."""
    seconds: float = 0.0
    """Duration of this run."""
    stopped: str | None = None
    """Why the run ended before the input did; None: it is complete."""
    state: Path | None = None
    """Path of the journal."""
    output: Path | None = None
    """Path of the answers, in input order."""
    dead_letters: Path | None = None
    """Path of the failed rows with their errors; None: there are none."""

    @property
    def is_complete(self) -> bool:
        """Whether each row has an answer or an error of its own."""
        return self.stopped is None and self.pending == 0

    def __str__(self) -> str:
        """Return one line: rows, errors, cost, and how to continue."""
        amounts = [f"{amount.normalize():f} {name}" for name, amount in self.cost.items()]
        parts = [f"{self.done} of {self.rows} rows answered"]
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{self.reused} from earlier runs"] if self.reused else []
        parts += [f"{self.paid_again} perhaps paid twice after a crash"] if self.paid_again else []
        parts += [" + ".join(amounts) or ("cost unknown" if self.unpriced else "cost 0")]
        parts += [f"{self.unpriced} without a known price"] if self.unpriced and amounts else []
        parts += [f"stopped: {self.stopped}"] if self.stopped else []
        return "; ".join(parts)
