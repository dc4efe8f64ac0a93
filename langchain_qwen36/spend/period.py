"""Parse a period such as `4w` into the first day of a report."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


def first_day(since: str | date, today: date | None = None) -> date:
    """Parse `4w`, `30d`, `3m`, `1y` or a day, `2026-11-01`, into the first day of a period.

    Raises:
        ValueError: The text is none of these.
    """
    if isinstance(since, datetime):
        return (since.astimezone(UTC) if since.tzinfo else since).date()
    if isinstance(since, date):
        return since
    today = today or datetime.now(UTC).date()
    if match := re.fullmatch(r"(\d{1,4})([dwmy])", since):
        return today - timedelta(days=int(match[1]) * _DAYS[match[2]] - 1)
    try:
        return date.fromisoformat(since)
    except ValueError:
        raise ValueError(
            f"since={since!r} must be a number of days, weeks, months or years such as '4w', "
            "or a day such as '2026-11-01'"
        ) from None
