"""Render a report as a table: for the terminal (extra `report`) and for a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from langchain_qwen36.callbacks.records import summarize
from langchain_qwen36.callbacks.reports.rows import Row, money, notes, rows, sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from langchain_qwen36.callbacks.records import CallRecord, Summary

_HEADINGS = ("Model", "Gateway", "Tier", "Calls", "Tokens in", "out", "Cost", "Share")


def rich_table(records: Sequence[CallRecord]) -> Table:
    """Return the report as a rich table: `rich.print(handler.report())`.

    Raises:
        ImportError: The extra `report` is not installed.
    """
    try:
        from rich import box  # noqa: PLC0415 (an extra)
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(
            "`report()` draws with rich, which is not installed: "
            'pip install "langchain-qwen36[report]"; `print(handler)` works without it.'
        ) from error
    summary = summarize(records)
    caption = Text("\n".join(notes(summary)), style="dim")
    table = Table(title="Cost of Qwen calls", caption=caption, box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.show_footer = True
    for heading, foot in zip(_HEADINGS, _total(summary), strict=True):
        if heading != "Gateway":
            left = heading in ("Model", "Tier")
            table.add_column(
                heading,
                foot.replace(" + ", "\n"),
                justify="left" if left else "right",
                no_wrap=heading != "Model",  # a long id is folded, an amount never
                overflow="fold",
            )
    for row in rows(records):
        # In one column, so that no amount is broken in a terminal of 80 characters.
        model, gateway, *cells = _cells(row)
        table.add_row(Text(f"{model}\n  {gateway}"), *cells)
    return table


def html_table(records: Sequence[CallRecord]) -> str:
    """Return the report as one self-contained HTML element, with a bar for each line's share."""
    summary = summarize(records)
    head = "".join(f"<th>{heading}</th>" for heading in (*_HEADINGS, ""))
    body = "".join(_html_row(row) for row in rows(records))
    foot = "".join(f"<td>{escape(cell)}</td>" for cell in _total(summary))
    lines = "".join(f"<div>{escape(note)}</div>" for note in notes(summary))
    return (
        f"<div><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        f'<tfoot style="font-weight:bold"><tr>{foot}</tr></tfoot></table>'
        f'<div style="opacity:.7">{lines}</div></div>'
    )


def _html_row(row: Row) -> str:
    *cells, share = (f"<td>{escape(cell)}</td>" for cell in _cells(row))
    bar = (
        '<div style="width:6em;background:#8883">'
        f'<div style="width:{(row.share or 0):.0%};height:.7em;background:#615ced"></div></div>'
    )
    return f"<tr>{''.join(cells)}{share}<td>{bar}</td></tr>"


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
        _percent(row.share),
    )


def _percent(share: float | None) -> str:
    if share is None:
        return ""
    return "<1%" if 0 < share < 0.01 else f"{share:.0%}"  # noqa: PLR2004 (one in a hundred)


def _total(summary: Summary) -> tuple[str, ...]:
    tokens = summary.tokens
    calls = str(summary.calls)
    return ("Total", "", "", calls, f"{tokens.input:,}", f"{tokens.output:,}", sums(summary), "")
