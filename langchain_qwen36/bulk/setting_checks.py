"""Check the settings of a bulk run before its input is read; each raises `BulkInputError`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from langchain_qwen36.bulk.export import check_output, dead_letters_path
from langchain_qwen36.callbacks.holds import parse_reserve
from langchain_qwen36.errors import BulkInputError
from langchain_qwen36.pricing import Money

if TYPE_CHECKING:
    from pathlib import Path

AUTO: Literal["auto"] = "auto"
USUAL_WINDOW = "24h"


def check_counts(max_concurrency: object, max_attempts: object) -> None:
    """Check how many calls there may be, at once and of a row."""
    if not (_is_count(max_concurrency) or max_concurrency == AUTO):
        raise BulkInputError(f"max_concurrency={max_concurrency!r} must be 'auto', or 1 or more.")
    if not _is_count(max_attempts):
        raise BulkInputError(f"max_attempts={max_attempts!r} must be 1 or more.")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def check_money(budget: str | Money | None, reserve: str | Money) -> None:
    """Check `reserve` even without a budget: the next run may have one."""
    try:
        parse_reserve(reserve)
        if budget is not None:
            Money.of(budget)
    except ValueError as error:
        raise BulkInputError(str(error)) from None


def check_window(window: str) -> None:
    """Check `batch_window` even without `batch`; how long is too long, the service knows."""
    if window == USUAL_WINDOW:
        return
    from langchain_qwen36.bulk.batch.core import hours_of  # noqa: PLC0415 - for batches alone

    if not hours_of(window):
        raise BulkInputError(
            f'batch_window={window!r} must be whole hours or days, 24h or more: "24h", "2d".'
        )


def check_paths(source: Path | None, output: Path | None, journal: Path) -> None:
    """Refuse a run that could not write its output, or would write over another of its files."""
    if output is not None:
        check_output(output)
    files = {"the input": source, "the output": output, "the journal": journal}
    if output is not None:
        files["the file of dead letters"] = dead_letters_path(output)
    taken: dict[Path, str] = {}
    for name, path in files.items():
        if path is None:
            continue
        if (other := taken.setdefault(path.resolve(), name)) != name:
            raise BulkInputError(
                f"{path} would be {other} and {name}: give another `output=` or `state=`."
            )
