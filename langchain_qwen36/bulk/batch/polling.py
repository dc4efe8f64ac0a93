"""How often a job that runs for hours is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Polling:
    """Seconds between two looks: the first, and each longer than the one before, up to a most.

    Model Studio asks for more than a minute, and longer ones later.
    """

    first: float = 65.0
    """Before the second look; the first is at once."""
    factor: float = 1.5
    """By which each is longer than the one before."""
    most: float = 600.0
    """The longest."""

    def __post_init__(self) -> None:
        if not (0 < self.first <= self.most and self.factor >= 1):
            raise ValueError(
                f"`{self!r}`: seconds above 0, `first` at most `most`, and a factor of at least 1."
            )

    def delays(self) -> Iterator[float]:
        """Yield the seconds before each look, without end."""
        seconds = self.first
        while True:
            yield seconds
            seconds = min(seconds * self.factor, self.most)
