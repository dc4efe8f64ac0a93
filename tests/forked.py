"""Start a function in a process of its own, forked from one that has imported what it needs.

A Python that starts anew takes a second or two of CPU to import LangChain.
"""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

# There is one server in a program, so that it imports what any test will need.
_IMPORTED = [
    "bulk_runs",
    "langchain_qwen36.bulk.job",
    "batch_worker",
    "budget_worker",
    "limit_worker",
    "spend_worker",
]


def start(run: Callable[..., object], /, *arguments: Any) -> multiprocessing.Process:
    """Start a function of one of the tests' own modules; it may be killed at any moment."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    process = context.Process(target=run, args=arguments)
    process.start()
    return process  # type: ignore[return-value]


def start_piped(
    run: Callable[..., object], /, *arguments: Any
) -> tuple[multiprocessing.Process, Connection]:
    """Start a function whose first argument is the end of a pipe; return the process and our end.

    Ours reads the end of the pipe when the process is gone.
    """
    ours, theirs = multiprocessing.Pipe(duplex=False)
    with theirs:
        return start(run, theirs, *arguments), ours
