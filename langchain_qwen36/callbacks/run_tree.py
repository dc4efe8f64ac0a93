"""Keep the tree of open runs: their names and parents."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from langchain_qwen36.callbacks.records import Parent

if TYPE_CHECKING:
    from uuid import UUID


@dataclass(slots=True)
class _Run:
    name: str | None
    parent: UUID | None
    is_tool: bool
    calls: set[UUID] = field(default_factory=set)


class RunTree:
    """The chains, tools and retrievers that are running, and the calls begun directly in each.

    Each change is one dictionary or set operation, so no lock is needed. A run is dropped when it
    ends: the records have the names by then.
    """

    def __init__(self) -> None:
        self._runs: dict[UUID, _Run] = {}

    def start(
        self, run_id: UUID, parent: UUID | None, name: str | None, *, is_tool: bool = False
    ) -> None:
        """Record that a chain, tool or retriever begins."""
        self._runs[run_id] = _Run(name, parent, is_tool)

    def end(self, run_id: UUID) -> set[UUID]:
        """Remove a run that ended; return the calls that began in it."""
        run = self._runs.pop(run_id, None)
        return run.calls if run else set()

    def add_call(self, call: UUID, parents: tuple[Parent, ...]) -> None:
        """Record a call that begins in the last of `parents`."""
        if parents and (run := self._runs.get(parents[-1].run_id)):
            run.calls.add(call)

    def tool_around(self, run_id: UUID | None) -> str | None:
        """Return the name of the innermost tool that is a run, or contains it."""
        while run := self._runs.get(run_id) if run_id else None:
            if run.is_tool:
                return run.name
            run_id = run.parent
        return None

    def ancestors(self, run_id: UUID | None) -> tuple[Parent, ...]:
        """Return a run and those above it, outermost first."""
        path: list[Parent] = []
        while run_id is not None:
            run = self._runs.get(run_id)
            path.append(Parent(run_id, run.name if run else None))
            run_id = run.parent if run else None
        return tuple(reversed(path))
