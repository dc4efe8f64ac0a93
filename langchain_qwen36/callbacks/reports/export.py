"""Write records as JSON and CSV for other programs; amounts are texts, so that no digit is lost."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from langchain_qwen36.callbacks.records import TokenCounts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from langchain_qwen36.callbacks.records import CallRecord, Summary

SCHEMA = 1
"""Version of the JSON: raised when a key changes its meaning or is removed; new keys may come."""

_CSV_COLUMNS = (
    "run_id",
    "parent_run_id",
    "name",
    "model",
    "gateway",
    "tier",
    *(f"{field.name}_tokens" for field in fields(TokenCounts)),
    "cost",
    "currency",
    "input_cost",
    "output_cost",
    "price_source",
    "estimated",
    "ending",
    "error",
    "started",
    "ended",
    "tags",
    "request_id",
    "response_id",
    "response_model",
    "attempts",
    "tool",
    "metadata",
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_json(
    records: Iterable[CallRecord],
    total: Summary,
    groups: Mapping[str, Mapping[Any, Summary]],
) -> str:
    """Write all records and sums; `groups` maps e.g. `by_model` to the sums per model.

    Calls without a model, gateway or tier are under the key `null`.
    """
    document = {
        "schema": SCHEMA,
        "total": _summary(total),
        **{name: {key: _summary(s) for key, s in group.items()} for name, group in groups.items()},
        "runs": [_record(record) for record in records],
    }
    return json.dumps(document, ensure_ascii=False, indent=2, default=_text)


def to_csv(records: Iterable[CallRecord]) -> str:
    """Write a line for each call under a line of headings; an unknown value is an empty cell.

    A text that a spreadsheet would run as a formula begins with an apostrophe
    (https://owasp.org/www-community/attacks/CSV_Injection).
    """
    text = io.StringIO()
    # Lines end as in RFC 4180, so a cell with either of the two characters is quoted.
    writer = csv.DictWriter(text, _CSV_COLUMNS, extrasaction="ignore")
    writer.writeheader()
    for record in records:
        row = _record(record)
        row |= {f"{kind}_tokens": count for kind, count in row["tokens"].items()}
        row["tags"] = " ".join(record.tags)
        row["metadata"] = json.dumps(dict(record.metadata)) if record.metadata else None
        writer.writerow({column: _cell(row[column]) for column in _CSV_COLUMNS})
    return text.getvalue()


def _record(record: CallRecord) -> dict[str, Any]:
    row = asdict(record)
    row["parents"] = [parent._asdict() for parent in record.parents]
    return {**row, "parent_run_id": record.parent_run_id}


def _summary(summary: Summary) -> dict[str, Any]:
    return {**asdict(summary), "partial": summary.partial}


def _text(value: Any) -> str:
    """Write a value that JSON has no type for: plain digits, no exponent or trailing zeros."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{value!r} cannot be exported")


def _cell(value: Any) -> Any:
    if isinstance(value, Decimal | datetime | UUID):
        return _text(value)
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
