"""Choose the intervals between requests for the state of a job that runs for hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Polling:
    """Seconds between two requests: the first, and a factor for each further one, up to a most.

    Model Studio asks for more than a minute, and longer intervals later.
    """

    first: float = 65.0
    """Seconds before the second request; the first is sent at once."""
    factor: float = 1.5
    """Factor from each interval to the next."""
    most: float = 600.0
    """Seconds of the longest interval."""

    def __post_init__(self) -> None:
        if not (0 < self.first <= self.most and self.factor >= 1):
            raise ValueError(
                f"`{self!r}`: seconds above 0, `first` at most `most`, and a factor of at least 1."
            )

    def delays(self) -> Iterator[float]:
        """Yield the seconds before each request, without end."""
        seconds = self.first
        while True:
            yield seconds
            seconds = min(seconds * self.factor, self.most)
