"""Parse a gateway's description of a batch: state, files, counts; any of them may be null."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OVER = frozenset({"completed", "failed", "expired", "cancelled"})
"""States in which a batch has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteBatch:
    """A batch as its gateway describes it."""

    id: str
    status: str
    """State: `validating`, `in_progress`, `finalizing`, `cancelling`, or one of `OVER`."""
    input_file: str = ""
    output_file: str = ""
    error_file: str = ""
    """Id of the file of errors; some gateways call it an output file, and put failed rows in
    either."""
    total: int = 0
    completed: int = 0
    failed: int = 0
    created: float = 0.0
    """Unix time of creation; 0: not known."""
    errors: tuple[Mapping[str, Any], ...] = ()
    """Errors of the whole batch: `code`, `message`, `line`."""
    model: str = ""
    results: tuple[Mapping[str, Any], ...] | None = field(default=None, repr=False)
    """Rows that came with the description; None: they are elsewhere, or there are none yet."""

    @property
    def is_over(self) -> bool:
        """Whether the batch has ended, successfully or not."""
        return self.status in OVER


def parse_batch(payload: Any) -> RemoteBatch | None:
    """Parse a batch object; None if the payload is none."""
    if not isinstance(payload, dict):
        return None
    id_, status = payload.get("id"), payload.get("status")
    if not (isinstance(id_, str) and id_ and isinstance(status, str) and status):
        return None
    counts = payload.get("request_counts")
    counts = counts if isinstance(counts, dict) else {}
    created = payload.get("created_at")
    results = payload.get("results")
    return RemoteBatch(
        id=id_,
        status=status,
        input_file=_text(payload, "input_file_id"),
        output_file=_text(payload, "output_file_id"),
        error_file=_text(payload, "error_file_id"),
        total=_count(counts, "total"),
        completed=_count(counts, "completed"),
        failed=_count(counts, "failed"),
        created=float(created) if isinstance(created, int | float) else 0.0,
        errors=tuple(_errors(payload)),
        model=_text(payload, "model"),
        results=tuple(row for row in results if isinstance(row, dict))
        if isinstance(results, list)
        else None,
    )


def parse_listing(payload: Any) -> tuple[list[RemoteBatch], str | None]:
    """Parse a page of batches, whose `data` may be null, and the id after which the next begins."""
    if not isinstance(payload, dict):
        return [], None
    data = payload.get("data")
    batches = [parse_batch(item) for item in data] if isinstance(data, list) else []
    found = [batch for batch in batches if batch is not None]
    last = payload.get("last_id") or (found[-1].id if found else None)
    return found, last if payload.get("has_more") and isinstance(last, str) else None


def _errors(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the errors of a batch: OpenAI's list of errors, or a single error."""
    errors = payload.get("errors") or payload.get("error")
    data = errors.get("data", [errors]) if isinstance(errors, dict) else errors
    for error in data if isinstance(data, list) else []:
        if isinstance(error, dict):
            yield error


def _text(payload: Mapping[str, Any], key: str) -> str:
    value = payload.get(key)
    return value if isinstance(value, str) else ""


def _count(counts: Mapping[str, Any], key: str) -> int:
    value = counts.get(key)
    return value if isinstance(value, int) and value > 0 else 0
