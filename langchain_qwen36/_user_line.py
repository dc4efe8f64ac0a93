"""Find the line of the user's program that a call comes from, for warnings to point at.

LangChain and LangGraph run asynchronous calls in tasks of their own, whose stacks lack the user's
line. It is on the stack of a task that awaits them, which the task's done callbacks lead to
(https://docs.python.org/3/library/asyncio-future.html#asyncio.Future.add_done_callback).
"""

from __future__ import annotations

import asyncio
import sys
import sysconfig
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_EVENT_LOOP = {asyncio.events.Handle._run.__code__, asyncio.Runner.run.__code__}  # noqa: SLF001
"""Functions that run a task: frames below them belong to the code that started the loop."""


class Line(NamedTuple):
    """A line of a program, as `warnings.warn_explicit` takes it."""

    filename: str
    lineno: int
    module: str


NO_LINE = Line("sys", 0, "sys")
"""Where Python's own warnings point when no caller is left on the stack."""


def user_line(otherwise: Line | None = None) -> Line:
    """Find the line of the user's program that is running, or awaits what is running.

    Args:
        otherwise: The line to return if there is none, as in a thread of LangChain's.
    """
    stack = list(_frames(sys._getframe(1)))  # noqa: SLF001
    return next(_user_lines(stack), None) or _awaiting_line() or otherwise or NO_LINE


def constructing_line() -> Line | None:
    """Find the line of the user's program that constructs an object, on the current stack."""
    return next(_user_lines(_frames(sys._getframe(1))), None)  # noqa: SLF001


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield the frames of the running task or thread, the innermost first."""
    while frame is not None and frame.f_code not in _EVENT_LOOP:
        yield frame
        frame = frame.f_back


def _user_lines(frames: Any) -> Iterator[Line]:
    """Yield the lines that are neither ours, nor installed, nor the standard library's."""
    for frame in frames:
        filename = frame.f_code.co_filename
        if not filename.startswith(_library_folders()):
            yield Line(filename, frame.f_lineno, frame.f_globals.get("__name__") or "<unknown>")


def _awaiting_line() -> Line | None:
    """Find the user's line in the nearest task that awaits the running one."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return None
    futures: list[asyncio.Future[Any]] = [task] if task else []
    for future in futures:  # the list grows while it is read: the nearest come first
        if isinstance(future, asyncio.Task):
            innermost_first = reversed(list(_suspended_frames(future)))
            if line := next(_user_lines(innermost_first), None):
                return line
        futures += [found for found in _awaiting(future) if found not in futures]
    return None


def _suspended_frames(task: asyncio.Task[Any]) -> Iterator[FrameType]:
    """Yield the frames of a task's coroutine and of those that it awaits, outermost first."""
    awaited: Any = task.get_coro()
    while awaited is not None:
        if (frame := getattr(awaited, "cr_frame", None)) is not None:
            yield frame
        awaited = getattr(awaited, "cr_await", None)


def _awaiting(future: asyncio.Future[Any]) -> Iterator[asyncio.Future[Any]]:
    """Yield the tasks and futures that wait for one, found through its done callbacks.

    `await` adds a method of the awaiting task; `asyncio.gather` and `asyncio.wait` add a function
    that closes over the future which is awaited instead.
    """
    for callback, _ in getattr(future, "_callbacks", None) or ():
        cells = getattr(callback, "__closure__", None) or ()
        for held in (getattr(callback, "__self__", None), *map(_content, cells)):
            if isinstance(held, asyncio.Future):
                yield held


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # the cell is empty
        return None


@cache
def _library_folders() -> tuple[str, ...]:
    """Return the path prefixes of this package, of installed ones and of the standard library."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {sysconfig.get_path(name) for name in names}
    ours = str(Path(__file__).parent)
    return ("<frozen ", *(f"{folder}/" for folder in (ours, *sorted(folders))))
