"""Write many rows by few SQL statements: what the ledger and the journals of bulk runs share.

Statements of a few sizes are prepared once and found again by the database's driver.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_Row = TypeVar("_Row")


def in_statements(rows: Sequence[_Row], sizes: Iterable[int]) -> Iterator[Sequence[_Row]]:
    """Split rows into parts of these sizes, the largest first; the smallest size is 1."""
    first = 0
    for size in sizes:
        while len(rows) - first >= size:
            yield rows[first : first + size]
            first += size


@cache
def values_of(rows: int, columns: int, mark: str = "?") -> str:
    """Return `VALUES (?, ?), (?, ?)` for so many rows and columns."""
    row = f"({', '.join([mark] * columns)})"
    return f"VALUES {', '.join([row] * rows)}"
