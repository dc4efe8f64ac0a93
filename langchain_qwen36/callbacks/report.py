"""A report to look at: a table for the terminal (extra `report`) and one for a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from langchain_qwen36.callbacks.records import summarise
from langchain_qwen36.callbacks.table import Row, money, notes, rows, sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from langchain_qwen36.callbacks.records import CallRecord, Summary

_HEADINGS = ("Model", "Gateway", "Tier", "Calls", "Tokens in", "Tokens out", "Cost", "Share")
_TEXT_COLUMNS = 3


def rich_table(records: Sequence[CallRecord]) -> Table:
    """The report as a rich table: `rich.print(handler.report())`.

    Raises:
        ImportError: The extra `report` is not installed.
    """
    try:
        from rich.table import Table  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise ImportError(
            "`report()` draws with rich, which is not installed: "
            'pip install "langchain-qwen36[report]"; `print(handler)` works without it.'
        ) from error
    summary = summarise(records)
    table = Table(title="Cost of Qwen calls", caption="\n".join(notes(summary)) or None)
    table.show_footer = True
    for n, (heading, foot) in enumerate(zip(_HEADINGS, _total(summary), strict=True)):
        table.add_column(heading, foot, justify="left" if n < _TEXT_COLUMNS else "right")
    for row in rows(records):
        table.add_row(*_cells(row))
    return table


def html_table(records: Sequence[CallRecord]) -> str:
    """The report as one self-contained HTML element, with a bar for each line's share."""
    summary = summarise(records)
    head = "".join(f"<th>{heading}</th>" for heading in _HEADINGS)
    body = "".join(_html_row(row) for row in rows(records))
    foot = "".join(f"<td>{escape(cell)}</td>" for cell in _total(summary))
    said = "".join(f"<div>{escape(note)}</div>" for note in notes(summary))
    return (
        f"<div><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        f'<tfoot style="font-weight:bold"><tr>{foot}</tr></tfoot></table>'
        f'<div style="opacity:.7">{said}</div></div>'
    )


def _html_row(row: Row) -> str:
    *cells, share = _cells(row)
    width = round(100 * (row.share or 0))
    bar = (
        f'<div style="display:inline-block;width:6em;background:#8883">'
        f'<div style="width:{width}%;height:.7em;background:#615ced"></div></div> {share}'
    )
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + f"<td>{bar}</td></tr>"


def _cells(row: Row) -> tuple[str, ...]:
    counted = row.summary.llm_cache_tokens + row.summary.tokens
    return (
        row.model,
        row.gateway,
        row.tier,
        str(row.summary.calls + row.summary.cached_calls),
        f"{counted.input:,}",
        f"{counted.output:,}",
        money(row.cost, row.currency),
        "" if row.share is None else f"{row.share:.0%}",
    )


def _total(summary: Summary) -> tuple[str, ...]:
    tokens = summary.tokens
    calls = str(summary.calls)
    return ("Total", "", "", calls, f"{tokens.input:,}", f"{tokens.output:,}", sums(summary), "")
