"""Export a journal: answers in input order as JSONL or Parquet, and the dead letters."""

from __future__ import annotations

import heapq
import os
from contextlib import contextmanager
from decimal import Decimal
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import orjson

from langchain_qwen36.bulk.journal import Journal
from langchain_qwen36.errors import BulkInputError, JournalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from langchain_qwen36.bulk.types import Row

_BLOCK = 1000
_ENDED = frozenset({"done", "failed"})
_ANSWER_KEYS = ("answer", "reasoning", "parsed", "tool_calls", "finish_reason", "model")
_PRECISION = 12
"""Decimal places of a cost, as in the journal."""


def check_output(path: Path) -> None:
    """Refuse an output that could not be written at the end of a run.

    Raises:
        BulkInputError: The format of the name is not known, the folder does not exist or cannot be
            written, or the name is a folder's.
    """
    if path.suffix.lower() not in {".jsonl", ".ndjson", ".parquet"}:
        raise BulkInputError(f"{path}: the output's name must end in .jsonl or .parquet.")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise BulkInputError(f"{path}: there is no folder {folder}.")
    if path.is_dir():
        raise BulkInputError(f"{path} is a folder; the output is a file.")
    if not os.access(folder, os.W_OK):
        raise BulkInputError(f"{path}: the folder {folder} cannot be written.")
    if path.suffix.lower() == ".parquet":
        _pyarrow()


def record_of(row: Row) -> dict[str, Any]:
    """Return a row of the output; it always has every key."""
    answer = row.answer or {}
    return {
        "id": row.id,
        **{key: answer.get(key) for key in _ANSWER_KEYS},
        "usage": row.usage,
        "cost": None if row.amount is None else float(row.amount),
        "currency": row.currency or None,
        "attempts": row.attempts,
        "error": row.error,
    }


def export(journal: Journal, output: Path) -> int:
    """Write the finished rows in input order; return their number. The file appears by a rename."""
    return write_rows((row for row in journal.rows() if row.state in _ENDED), output)


def export_merged(journals: Sequence[Path], output: Path) -> int:
    """Merge the journals of shards into one output, in input order.

    Raises:
        JournalError: Two journals hold the same row, so they are no shards of one input.
    """
    opened = [Journal(path, read_only=True) for path in journals]
    try:
        merged = heapq.merge(*(one.rows() for one in opened), key=lambda row: row.position)
        return write_rows((row for row in _unique(merged) if row.state in _ENDED), output)
    finally:
        for one in opened:
            one.close()


def dead_letters_path(output: Path) -> Path:
    """Return the path of the failed rows, beside the output."""
    return output.with_name(f"{output.stem}.dead_letters.jsonl")


def write_dead_letters(journal: Journal, output: Path) -> Path | None:
    """Write the failed rows with error and input beside the output; return None if none failed."""
    path = dead_letters_path(output)
    failed = journal.rows(state="failed")
    first = next(failed, None)
    if first is None:
        path.unlink(missing_ok=True)
        return None
    letters = (
        {"id": row.id, "line": row.line, "error": row.error, "input": row.fields}
        for row in chain((first,), failed)
    )
    with _writing(path) as part:
        _write_jsonl(letters, part)
    return path


def write_rows(rows: Iterable[Row], output: Path) -> int:
    """Write rows to a `.jsonl` or `.parquet` file; return their number."""
    check_output(output)
    with _writing(output) as part:
        write = _write_parquet if output.suffix.lower() == ".parquet" else _write_jsonl
        return write(map(record_of, rows), part)


def _write_jsonl(records: Iterable[dict[str, Any]], path: Path) -> int:
    count = 0
    with path.open("wb") as file:
        for count, record in enumerate(records, 1):  # noqa: B007
            file.write(orjson.dumps(record) + b"\n")
    return count


def table_of(records: list[dict[str, Any]]) -> Any:
    """Return rows of the output as an Arrow table: JSON texts where fields differ by row."""
    pa, _ = _pyarrow()
    return pa.Table.from_pylist([_parquet_row(record) for record in records], schema=_schema())


def _write_parquet(records: Iterable[dict[str, Any]], path: Path) -> int:
    _, parquet = _pyarrow()
    count, rest = 0, iter(records)
    with parquet.ParquetWriter(path, _schema()) as writer:
        while block := list(islice(rest, _BLOCK)):
            writer.write_table(table_of(block))
            count += len(block)
    return count


def _schema() -> Any:
    pa, _ = _pyarrow()
    texts = ("id", "answer", "reasoning", "parsed", "tool_calls", "finish_reason", "model")
    return pa.schema(
        [
            *((name, pa.string()) for name in texts),
            *((name, pa.int64()) for name in ("input_tokens", "output_tokens", "total_tokens")),
            ("usage", pa.string()),
            ("cost", pa.decimal128(19 + _PRECISION, _PRECISION)),
            ("currency", pa.string()),
            ("attempts", pa.int64()),
            ("error", pa.string()),
        ]
    )


def _parquet_row(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with JSON texts in place of objects, whose fields differ from row to row."""
    usage = record["usage"] or {}
    tokens = {name: usage.get(name) for name in ("input_tokens", "output_tokens", "total_tokens")}
    cost = record["cost"]
    exact = None if cost is None else round(Decimal(str(cost)), _PRECISION)
    nested = ("parsed", "tool_calls", "usage", "error")
    objects = {n: None if record[n] is None else orjson.dumps(record[n]).decode() for n in nested}
    return record | tokens | objects | {"cost": exact}


def _unique(rows: Iterator[Row]) -> Iterator[Row]:
    last = -1
    for row in rows:
        if row.position == last:
            raise JournalError(
                f"Line {row.line} ({row.id}) is in two journals: merge the shards of one input."
            )
        last = row.position
        yield row


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    """Yield a temporary name to write to, which is renamed to the file's name at the end.

    Raises:
        JournalError: The file cannot be written; the message says where the answers are.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise JournalError(
            f"The output {path} cannot be written: {error}. The answers are safe in the journal: "
            "`python -m langchain_qwen36 bulk export JOURNAL OUTPUT` writes them."
        ) from error


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - the extra `bulk`
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise BulkInputError(
            'Parquet files need pyarrow: pip install "langchain-qwen36[bulk]"'
        ) from error
    return pa, parquet
