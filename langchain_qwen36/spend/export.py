"""Export a ledger's sums and calls for other programs: CSV, JSON and FOCUS."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from langchain_qwen36.pricing.units import amount_of
from langchain_qwen36.spend.rows import moment_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from langchain_qwen36.spend.rows import Row


_MONEY = ("held", "charged", "cost", "listed")
_TIMES = ("started", "ended")
_LEFT_OUT = frozenset({"charges", "owner", "lease_until"})


def safe_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet runs as a formula.

    A text that begins with `=`, `+`, `-`, `@`, a tab or a line break gets an apostrophe in front
    (https://owasp.org/www-community/attacks/CSV_Injection). Numbers are left as they are.
    """
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"}:
        return f"'{value}"
    return value


def to_csv(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> str:
    """Write rows as CSV under a line of headings; an unknown value is an empty cell."""
    text = io.StringIO()
    # Lines end as in RFC 4180, so a cell with either of the two characters is quoted.
    writer = csv.DictWriter(text, list(columns), extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: safe_cell(value) for name, value in row.items()})
    return text.getvalue()


def to_json(rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows as a JSON document; amounts are texts, so that no digit is lost."""
    return json.dumps({"schema": 1, "calls": list(rows)}, ensure_ascii=False, indent=2)


def call_rows(rows: Iterable[Row]) -> Iterable[dict[str, Any]]:
    """Convert calls to rows: money as digits, times as ISO 8601."""
    for row in rows:
        shown = {name: value for name, value in row.items() if name not in _LEFT_OUT}
        shown |= {name: _digits(row[name]) for name in _MONEY}
        shown |= {name: _iso(row[name]) for name in _TIMES}
        shown["estimated"] = bool(row["estimated"])
        shown |= {
            name: json.loads(row[name]) if row[name] else default
            for name, default in (("tags", []), ("own", {}))
        }
        yield shown


CALL_COLUMNS = (
    *("id", "run_id", "attempt", "state", "model", "gateway", "tier"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("reasoning_tokens", "cost", "currency", "charged", "held", "listed", "source"),
    *("estimated", "ending", "error", "request_id", "response_id"),
    *("user_id", "team", "api_key", "thread", "agent", "tool", "own", "tags", "started", "ended"),
)


def to_call_csv(calls: Iterable[Mapping[str, Any]]) -> str:
    """Write calls as CSV."""
    return to_csv(_flat(calls), CALL_COLUMNS)


def _flat(rows: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """Return the rows for CSV: tags in one cell, own dimensions as JSON in another."""
    for row in rows:
        yield {**row, "tags": " ".join(row["tags"]), "own": json.dumps(row["own"])}


def _digits(units: int | None) -> str | None:
    return None if units is None else f"{amount_of(units).normalize():f}"


def _iso(microseconds: int) -> str | None:
    return moment_of(microseconds).isoformat() if microseconds else None
