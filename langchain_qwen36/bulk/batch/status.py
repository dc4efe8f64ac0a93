"""The progress of a batch job."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - a field's type
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_qwen36.bulk.batch.store import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus:
    """The progress of a job."""

    rows: int
    """Rows of the job."""
    done: int
    """Rows whose answer is in the journal."""
    failed: int
    """Rows whose error is in the journal."""
    states: Mapping[str, str]
    """The last known state of each batch, by its id at the gateway."""
    answered: int
    """Rows that the gateway counts as answered in running batches; the number may not change for
    half an hour."""

    @classmethod
    def of(cls, counts: Mapping[str, int], parts: Sequence[Part]) -> BatchStatus:
        """Count the rows of a journal by their states."""
        return cls(
            rows=sum(counts.values()),
            done=counts.get("done", 0),
            failed=counts.get("failed", 0),
            states={part.batch_id: part.status for part in parts if part.batch_id},
            answered=sum(
                int(part.detail.get("completed") or 0) for part in parts if part.is_running
            ),
        )

    @property
    def is_over(self) -> bool:
        """Whether every row has an answer or an error."""
        return self.done + self.failed >= self.rows
