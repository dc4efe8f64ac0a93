"""Judge how the CPU time of a piece of work grows with its size."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ATTEMPTS = 4


def cpu_seconds(run: Callable[[], object]) -> float:
    """Return the CPU time of the process for a run, without the garbage collector.

    The collector walks every live object of the process, so that its share grows with what
    other tests left behind. Other processes do not lengthen CPU time.
    """
    gc.collect()
    gc.disable()
    try:
        started = time.process_time()
        run()
        return time.process_time() - started
    finally:
        gc.enable()


def assert_grows_linearly(
    measure: Callable[[int], float], *, small: int, large: int, slack: float = 0.5
) -> None:
    """Fail where `large` takes more than twice the time that a straight line from `small` gives.

    `measure` returns the seconds of a size. The best of some attempts counts for each size:
    noise only adds, and a square stays a square in every attempt.

    Args:
        measure: Does the work for a size and returns its CPU time in seconds.
        small: The size that sets the line.
        large: The size that is judged, at least four times `small`.
        slack: Seconds that a run may take at any size.
    """
    shorts, longs = [], []
    for _ in range(_ATTEMPTS):
        shorts.append(measure(small))
        longs.append(measure(large))
        allowed = 2 * large / small * min(shorts) + slack
        if min(longs) < allowed:
            return
    assert min(longs) < allowed, f"{large}: {longs} s, {small}: {shorts} s"
