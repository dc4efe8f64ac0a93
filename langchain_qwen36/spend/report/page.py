"""Render a report as one HTML page with its styles and drawings; nothing is loaded."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from langchain_qwen36.spend.report.chart import stacked_days
from langchain_qwen36.spend.report.numbers import change, count, digits, money, percent

if TYPE_CHECKING:
    from langchain_qwen36.spend.report.data import Forecast, Line, ReportData, Section, Unknown

_MOST_LINES = 25


def render(data: ReportData) -> str:
    """Return the page of a report."""
    style = files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    sections = "".join(_section(section, data) for section in data.sections)
    nothing = "" if data.sections else "<p>No call was booked in this period.</p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>Spend {data.first} to {data.last}</title><style>{style}</style></head><body>"
        f"<header><h1>Spend</h1><p>{data.first:%d %B %Y} to {data.last:%d %B %Y}, days in UTC "
        f"· made {data.made:%Y-%m-%d %H:%M} UTC</p></header><main>"
        f"{_unknown(data.unknown)}{_totals(data)}{nothing}{sections}{_budgets(data)}"
        "</main></body></html>"
    )


def _unknown(unknown: Unknown) -> str:
    """Return the unknown facts for the top of the page: the sums below depend on them."""
    notes = [
        (unknown.unpriced, "without a known price: the amount held stays charged"),
        (unknown.estimated, "with tokens by estimate, for the answer was cut"),
        (unknown.expired, f"whose end never came{_charged(unknown)}"),
    ]
    items = [
        f"<li><b>{count(number)}</b> {_calls(number)} {escape(text)}</li>"
        for number, text in notes
        if number
    ]
    items += [
        f"<li><b>{count(calls)}</b> {_calls(calls)} that the gateway reported at "
        f"{money(reported, currency)} and the price list at {money(listed, currency)} "
        f"({change((reported - listed) / listed) if listed else 'no list price'})</li>"
        for currency, (calls, reported, listed) in sorted(unknown.compared.items())
    ]
    items += [
        f"<li>The list price of <b>{escape(name)}</b> was last checked on {checked:%Y-%m-%d}: "
        "compare it by <code>python -m langchain_qwen36 prices check</code></li>"
        for name, checked in sorted(unknown.stale.items())
    ]
    if not items:
        return '<section class="known">Every call has a known price and a real end.</section>'
    return f'<section class="unknown"><h2>What is not known</h2><ul>{"".join(items)}</ul></section>'


def _calls(number: int) -> str:
    return "call" if number == 1 else "calls"


def _charged(unknown: Unknown) -> str:
    sums = [money(cost, name) for name, cost in sorted(unknown.expired_costs.items())]
    return f": charged as held, {' and '.join(sums)}" if sums else ""


def _totals(data: ReportData) -> str:
    cards = "".join(
        f"<div><b>{money(s.cost, s.currency)}</b><span>{count(s.calls)} {_calls(s.calls)}</span>"
        "</div>"
        for s in data.sections
    )
    return f'<section class="cards">{cards}</section>' if cards else ""


def _section(section: Section, data: ReportData) -> str:
    chart = stacked_days(section.days, data.first, data.last, section.currency)
    tables = "".join(
        _table(heading, lines, section.currency)
        for heading, lines in section.tables.items()
        if lines
    )
    return f"<section><h2>Per day, {escape(section.currency)}</h2>{chart}</section>{tables}"


def _table(heading: str, lines: list[Line], currency: str) -> str:
    rows = "".join(_row(line, currency) for line in lines[:_MOST_LINES])
    rest = lines[_MOST_LINES:]
    if rest:
        cost = money(sum(line.cost for line in rest), currency)
        rows += (
            f"<tr><td>{len(rest)} more</td><td></td><td></td><td class='n'>{cost}</td>"
            "<td></td><td></td></tr>"
        )
    return (
        f"<section><h2>By {escape(heading.lower())}</h2><div class='wide'><table><thead><tr>"
        f"<th>{escape(heading)}</th><th class='n'>Calls</th><th class='n'>Tokens</th>"
        "<th class='n'>Spend</th><th class='n'>Share</th><th class='n'>7 days</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _row(line: Line, currency: str) -> str:
    trend = "" if line.change is None else "up" if line.change > 0 else "down"
    return (
        f"<tr><td>{escape(line.name)}</td><td class='n'>{count(line.calls)}</td>"
        f"<td class='n'>{count(line.tokens)}</td><td class='n'>{money(line.cost, currency)}</td>"
        f"<td class='n'><span class='bar'><i style='width:{line.share:.1%}'></i></span>"
        f"{percent(line.share)}</td><td class='n {trend}'>{change(line.change)}</td></tr>"
    )


def _budgets(data: ReportData) -> str:
    if not data.budgets:
        return ""
    rows = "".join(_budget(forecast) for forecast in data.budgets)
    more = f"<p>{data.hidden_budgets} more</p>" if data.hidden_budgets else ""
    return f'<section><h2>Budgets</h2><div class="budgets">{rows}</div>{more}</section>'


def _budget(forecast: Forecast) -> str:
    balance = forecast.balance
    if balance.limit is None:
        return ""
    limit = balance.limit.amount
    spent, held = (float(m.amount / limit) if limit else 1.0 for m in (balance.spent, balance.held))
    name = balance.account + ("" if balance.per == "ever" else f" · {balance.per}")
    held_text = f" + {digits(balance.held.amount)} held" if balance.held.amount else ""
    full = " full" if spent + held >= 1 else ""
    return (
        f"<div><div class='head'><b>{escape(name)}</b><span>{digits(balance.spent.amount)}"
        f"{held_text} of {digits(limit)} {escape(balance.limit.currency)}</span></div>"
        f"<div class='meter{full}'><i style='width:{min(spent, 1):.1%}'></i>"
        f"<i class='held' style='width:{min(held, max(0.0, 1 - spent)):.1%}'></i></div>"
        f"<small>{escape(_when(forecast))}</small></div>"
    )


def _when(forecast: Forecast) -> str:
    balance = forecast.balance
    used_up = balance.limit is not None and balance.spent.amount >= balance.limit.amount
    if balance.ends is None:
        return "used up; never begins anew" if used_up else "never begins anew"
    again = f"begins anew {balance.ends:%d %b %H:%M} UTC"
    if used_up:
        return f"used up; {again}"
    if forecast.runs_out is None:
        return f"lasts at this pace; {again}"
    return f"runs out {forecast.runs_out:%d %b} at this pace; {again}"
