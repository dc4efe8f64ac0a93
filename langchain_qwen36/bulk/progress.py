"""Show the progress of a run: one line that is redrawn, or plain lines without a terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol, TextIO

from langchain_qwen36.pricing.units import money_in

if TYPE_CHECKING:
    from rich.live import Live

    from langchain_qwen36.bulk.runner import Runner

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_DRAWINGS = 0.25


class ProgressView(Protocol):
    """Shows the progress of a run."""

    def update(self, runner: Runner, total: int | None) -> None:
        """Show the state of a run, at most a few times a second."""

    def close(self) -> None:
        """End the line."""


def progress_line(runner: Runner, total: int | None) -> str:
    """Return rows, rows/s, in flight, errors, tokens, cost so far and expected, and the time left.

    Args:
        runner: The run.
        total: Rows of the input; None: not known.
    """
    queue, progress = runner.queue, runner.progress
    ended = progress.done + progress.failed
    seconds = max(time.monotonic() - progress.started, 1e-6)
    rate = ended / seconds
    before = queue.reused + queue.failed_before + queue.unreadable
    of_total = "" if total is None else f"/{total:,}"
    parts = [f"{before + ended:,}{of_total} rows", f"{rate:,.1f}/s", f"{runner.in_flight} at once"]
    if failed := progress.failed + queue.failed_before + queue.unreadable:
        parts.append(f"{failed:,} failed")
    parts.append(f"{progress.tokens:,} tokens")
    left = None if total is None else max(total - before - ended, 0)
    for currency, units in progress.cost.items():
        cost = money_in(units, currency)
        expected = "" if not (left and ended) else f" of {_total(units, ended, left, currency)}"
        parts.append(f"{cost.amount:.4f}{expected} {currency}".rstrip())
    if left and rate:
        parts.append(f"{_duration(left / rate)} left")
    return "  ".join(parts)


def _total(units: int, ended: int, left: int, currency: str) -> str:
    return f"about {money_in(units * (ended + left) // ended, currency).amount:.4f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


class PlainLines:
    """Writes a line every ten seconds, for logs."""

    def __init__(self, stream: TextIO, every: float = _SECONDS_BETWEEN_LINES) -> None:
        self._stream = stream
        self._every = every
        self._next = time.monotonic() + every

    def update(self, runner: Runner, total: int | None) -> None:
        """Write a line if one is due."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every
            print(progress_line(runner, total), file=self._stream, flush=True)

    def close(self) -> None:
        """Do nothing: each line is already ended."""


class LiveLine:
    """A line at the terminal that is redrawn."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._next = 0.0

    def update(self, runner: Runner, total: int | None) -> None:
        """Redraw the line if it is due."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _SECONDS_BETWEEN_DRAWINGS
            self._live.update(progress_line(runner, total), refresh=True)

    def close(self) -> None:
        """Leave the last line."""
        self._live.stop()


def open_progress(wanted: bool | None, stream: TextIO | None = None) -> ProgressView | None:
    """Choose how progress is shown.

    Args:
        wanted: Whether to show it; None: only at a terminal.
        stream: Where to write; standard error when left out.
    """
    stream = stream or sys.stderr
    if wanted is False or (wanted is None and not stream.isatty()):
        return None
    if not stream.isatty():
        return PlainLines(stream)
    try:
        from rich.console import Console  # noqa: PLC0415 - the extra `bulk`
        from rich.live import Live  # noqa: PLC0415
    except ImportError:
        return PlainLines(stream)
    live = Live(console=Console(file=stream), auto_refresh=False)
    live.start()
    return LiveLine(live)
