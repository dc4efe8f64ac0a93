"""Record the results of a batch in the journal: each row by itself, and once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from langchain_qwen36._logging import logger_for
from langchain_qwen36._request.tools import schemas_by_name
from langchain_qwen36._request.types import Request
from langchain_qwen36.bulk.batch.part_files import PartBodies
from langchain_qwen36.bulk.batch.rows import parse_row, read_row
from langchain_qwen36.bulk.types import Outcome
from langchain_qwen36.catalog import Offer, find_model
from langchain_qwen36.errors import (
    InvalidRequestError,
    QwenError,
    ServerError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence
    from pathlib import Path

    from langchain_core.messages import AIMessage

    from langchain_qwen36.bulk.batch.rows import ResultRow
    from langchain_qwen36.bulk.batch.store import BatchStore, Part
    from langchain_qwen36.gateways import Gateway

logger = logger_for(__name__)

_PAGE = 500
"""Rows in one transaction."""

ToOutcome = Callable[[str, "AIMessage | QwenError", "Mapping[str, Any] | None"], Outcome]
"""Converts a row's result to its outcome in the journal; the last argument is the row's input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReader:
    """Reads the rows of a batch as messages."""

    gateway: Gateway
    offer: Callable[[Part], Offer | None]
    """Returns the price of a part's rows."""
    price_discount: float | None
    to_outcome: ToOutcome

    def request(self, part: Part, body: Mapping[str, Any]) -> Request:
        """Return the request of a row, which is needed to read its response."""
        messages = body.get("messages") or ()
        return Request(
            body=dict(body),
            gateway=self.gateway,
            model=find_model(part.requested_model),
            requested_model=part.requested_model,
            thinking=part.thinking,
            tools=schemas_by_name(body.get("tools") or ()),
            renamed_tools=part.detail.get("renamed_tools") or {},
            notes=part.detail.get("notes") or {},
            used_ids=frozenset(
                call["id"] for message in messages for call in message.get("tool_calls", ())
            ),
            offer=self.offer(part),
            price_discount=self.price_discount,
            batch=True,
        )


def collect_rows(
    store: BatchStore, part: Part, paths: Sequence[Path], reader: RowReader, *, is_last: bool
) -> bool:
    """Record the rows of result files; return whether nothing must be fetched again.

    Args:
        store: The journal.
        part: The batch whose rows they are.
        paths: The files; any of them may hold good and failed rows.
        reader: Turns rows into messages.
        is_last: Whether rows that are missing now are given up: they may have run, and be billed.
    """
    waiting = store.open_rows(part)
    bodies = PartBodies(store.path(part))
    results = ResultFiles(paths, bodies.keys or waiting)
    try:
        is_short = len(results.rows) < min(_counted(part), part.rows)
        if not is_last and (is_short or results.unreadable):
            return False
        if results.foreign:
            logger.warning(
                "Batch %s has %d rows that were never sent: ignored.",
                part.batch_id,
                results.foreign,
            )
        for page in _pages(_outcomes(part, results, waiting, bodies, reader)):
            store.record(page)
    finally:
        bodies.close()
        results.close()
    return True


class ResultFiles:
    """The rows of result files, found by key without holding them in memory.

    `foreign` counts rows of other requests, `unreadable` lines that are no rows.
    """

    def __init__(self, paths: Sequence[Path], keys: Container[str]) -> None:
        """Read the files once; of two rows with one key the better one counts."""
        self._files = [path.open("rb") for path in paths]
        self.rows: dict[str, tuple[IO[bytes], int, bool]] = {}
        self.foreign = self.unreadable = 0
        for file in self._files:
            offset = 0
            for line in file:
                if line.strip():
                    self._add(file, offset, parse_row(line), keys)
                offset += len(line)

    def _add(
        self, file: IO[bytes], offset: int, row: ResultRow | None, keys: Container[str]
    ) -> None:
        if row is None:
            self.unreadable += 1
        elif row.custom_id not in keys:
            self.foreign += 1
        else:
            _, _, was_failed = self.rows.get(row.custom_id, (file, 0, True))
            if row.custom_id not in self.rows or (was_failed and not row.is_failed):
                self.rows[row.custom_id] = (file, offset, row.is_failed)

    def row(self, key: str) -> ResultRow | None:
        """Return the row of a request; None: there is none."""
        if key not in self.rows:
            return None
        file, offset, _ = self.rows[key]
        file.seek(offset)
        return parse_row(file.readline())

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()


def _counted(part: Part) -> int:
    return int(part.detail.get("completed") or 0) + int(part.detail.get("failed") or 0)


def _outcomes(
    part: Part,
    results: ResultFiles,
    waiting: Mapping[str, Mapping[str, Any] | None],
    bodies: PartBodies,
    reader: RowReader,
) -> Iterator[Outcome]:
    for key, fields in waiting.items():
        row = results.row(key)
        if row is None:
            yield reader.to_outcome(key, _missing(part), fields)
        else:
            request = reader.request(part, bodies.body(key))
            yield reader.to_outcome(key, read_row(row, request), fields)


def _missing(part: Part) -> QwenError:
    return UnexpectedResponseError(
        f"The batch {part.batch_id} ended as {part.status or 'unknown'}, and no file of it "
        "holds a readable row of this request: whether it was run, and is billed, is not known.",
        code="batch_row_missing",
        gateway=part.gateway,
        is_retryable=False,
    )


def lose_rows(store: BatchStore, part: Part, error: QwenError) -> None:
    """Give up the rows of a batch that the gateway no longer knows."""
    lost = UnexpectedResponseError(
        f"The gateway no longer knows the batch {part.batch_id} (results are kept for 30 days): "
        f"whether this row was run, and is billed, is not known. {error.message}",
        status_code=error.status_code,
        code="batch_not_found",
        gateway=part.gateway,
        is_retryable=False,
    )
    _end_all(store, part, lambda _key, _number: lost)


def refuse_rows(store: BatchStore, part: Part, errors: Sequence[Mapping[str, Any]] | None) -> None:
    """Record that nothing of a part was run, and so nothing is billed.

    Args:
        store: The journal.
        part: The part.
        errors: Why the gateway refused the whole batch: `code`, `message`, and the `line` at fault,
            from 1. None: it was cancelled before it was created.
    """
    by_line: dict[int | None, Mapping[str, Any]] = {}
    for error in errors or ():
        by_line.setdefault(_line_of(error), error)

    def failure(_key: str, number: int) -> QwenError:
        if errors is None:
            return _not_run(part, "The batch was cancelled before it was made.")
        if (own := by_line.get(number)) is not None:
            return _refused(part, own)
        reasons = "; ".join(_describe(error) for error in list(by_line.values())[:3])
        if None in by_line or not by_line:
            return _refused(part, by_line.get(None) or {"message": "no reason was given"})
        return _not_run(part, f"The batch was refused for other rows ({reasons}).")

    _end_all(store, part, failure)


def _end_all(store: BatchStore, part: Part, failure: Callable[[str, int], QwenError]) -> None:
    from langchain_qwen36.bulk.batch.outcomes import failed_outcome  # noqa: PLC0415

    waiting = store.open_rows(part)
    bodies = PartBodies(store.path(part))
    numbers = {key: number for number, key in enumerate(bodies.keys, 1)}
    bodies.close()
    outcomes = (
        failed_outcome(key, failure(key, numbers.get(key, 0)), fields)
        for key, fields in waiting.items()
    )
    for page in _pages(outcomes):
        store.record(page)


def _line_of(error: Mapping[str, Any]) -> int | None:
    line = error.get("line")
    return line if isinstance(line, int) and line > 0 else None


def _describe(error: Mapping[str, Any]) -> str:
    return ": ".join(str(error[key]) for key in ("code", "message") if error.get(key))


def _refused(part: Part, error: Mapping[str, Any]) -> QwenError:
    return InvalidRequestError(
        f"The gateway refused the batch, and nothing of it was run: {_describe(error)}.",
        code=str(error.get("code") or "") or None,
        gateway=part.gateway,
        body=dict(error),
    )


def _not_run(part: Part, reason: str) -> QwenError:
    return ServerError(
        f"{reason} This row was not run, and is not billed.",
        code="batch_not_run",
        gateway=part.gateway,
        is_retryable=True,
    )


def _pages(outcomes: Iterable[Outcome]) -> Iterator[list[Outcome]]:
    page: list[Outcome] = []
    for outcome in outcomes:
        page.append(outcome)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page
