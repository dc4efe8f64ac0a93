"""An estimate that learns from the usage that comes back."""

from __future__ import annotations

from threading import Lock

_FADE = 0.9
"""How much of what was learnt before stays when a new count comes in."""

_PRIOR = 2_000
"""Tokens at factor 1 to begin with, so that one short message does not turn the factor."""

_LOW, _HIGH = 0.5, 2.0
"""A count further off than this is a gateway's own prompt or a fault, not the tokenizer."""


class Calibration:
    """The ratio of counted to estimated tokens of one model at one gateway. Thread-safe."""

    def __init__(self) -> None:
        self._estimated = self._counted = float(_PRIOR)
        self._lock = Lock()

    @property
    def factor(self) -> float:
        """What an estimate is to be multiplied by; 1.0 before anything was learnt."""
        with self._lock:
            return self._counted / self._estimated

    def learn(self, estimated: int, counted: int) -> None:
        """Take in one call: our estimate of its input, and the gateway's count."""
        if estimated <= 0 or counted <= 0:
            return
        bounded = min(max(counted, _LOW * estimated), _HIGH * estimated)
        with self._lock:
            self._estimated = self._estimated * _FADE + estimated
            self._counted = self._counted * _FADE + bounded

    def apply(self, estimated: int) -> int:
        """The estimate as the gateway would probably count it."""
        return round(estimated * self.factor)
