"""Compute windows of a limit: a day, a week, a month in a named time zone, or for ever."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple, assert_never
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Per = Literal["day", "week", "month", "ever"]
"""How often a limit starts again; a week begins on Monday."""


class Window(NamedTuple):
    """One day, week or month of a zone; `ever` has a single one, without an end."""

    start: str
    """The first local day, `2026-11-30`; `ever` for the window without a beginning."""
    begins: datetime | None
    """Beginning of the window in UTC."""
    ends: datetime | None
    """End of the window in UTC, when the next one begins."""


_EVER = Window("ever", None, None)


def window_at(per: Per, zone: str, moment: datetime) -> Window:
    """Return the window that contains a moment.

    Days are the zone's own: a day on which clocks change has 23 or 25 hours.
    """
    return _EVER if per == "ever" else _window_of_minute(per, zone, int(moment.timestamp() // 60))


def window_from(per: Per, zone: str, start: str) -> Window:
    """Return the window with this `start`."""
    return _EVER if per == "ever" else _window_of_day(per, zone, date.fromisoformat(start))


@lru_cache(maxsize=64)
def zone_named(name: str) -> ZoneInfo:
    """Load a time zone.

    Raises:
        ValueError: No zone has that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"zone={name!r} is no time zone; name one such as 'UTC' or 'Asia/Shanghai' "
            "(pip install tzdata where the system has none)."
        ) from None


@lru_cache(maxsize=256)
def _window_of_minute(per: Per, zone: str, minute: int) -> Window:
    """Return the window of a minute since 1970: no zone's midnight lies within one today."""
    moment = datetime.fromtimestamp(minute * 60, zone_named(zone))
    return _window_of_day(per, zone, moment.date())


@lru_cache(maxsize=256)
def _window_of_day(per: Per, zone: str, day: date) -> Window:
    first, following = _bounds(per, day)
    return Window(first.isoformat(), _midnight(first, zone), _midnight(following, zone))


def _bounds(per: Per, day: date) -> tuple[date, date]:
    match per:
        case "day":
            return day, day + timedelta(days=1)
        case "week":
            monday = day - timedelta(days=day.weekday())
            return monday, monday + timedelta(days=7)
        case "month":
            return day.replace(day=1), (day.replace(day=28) + timedelta(days=4)).replace(day=1)
        case "ever":
            return date.min, date.max
        case _:
            assert_never(per)


def _midnight(day: date, zone: str) -> datetime:
    """Return when a local day begins; if clocks skip midnight, its first moment."""
    return datetime(day.year, day.month, day.day, tzinfo=zone_named(zone)).astimezone(UTC)
