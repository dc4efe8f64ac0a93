"""Read how long a gateway asks us to wait, in its three spellings."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_INFINITY = frozenset({"inf", "+inf", "infinity", "+infinity"})


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read the seconds to wait from headers; None if no header holds a usable number.

    `retry-after-ms` goes before `retry-after`, which is seconds or an HTTP date. A negative number,
    a past date or no number is None, and the back-off decides (docs/quirks.md#back-off). A number
    too large for a float is a very long wait. A date is compared with the response's own `date`
    header, so that a wrong clock on this machine does no harm.
    """
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        if (seconds := _number(headers.get(name, ""))) is not None:
            return _usable(seconds / unit)
    return _usable(_until(headers.get("retry-after", ""), headers.get("date", "")))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if math.isinf(value) and text.strip().lower() in _INFINITY:
        return math.nan
    return min(value, 1e9)


def _usable(seconds: float | None) -> float | None:
    return seconds if seconds is not None and seconds > 0 else None


def _until(date: str, now: str) -> float | None:
    then = _date(date)
    if then is None:
        return None
    return (then - (_date(now) or datetime.now(UTC))).total_seconds()


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
