"""Draw the spend per day as stacked bars, in SVG with the page's colors."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from langchain_qwen36.spend.report.numbers import money

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_WIDTH, _HEIGHT, _BOTTOM, _TOP = 720, 220, 24, 14
_MOST_MODELS = 7
OTHERS = "other models"


class _Bar(NamedTuple):
    """A day's bar and its scale."""

    day: date
    left: float
    step: float
    highest: int
    currency: str


class _Part(NamedTuple):
    """A model's segment of a bar, and the sum of the segments below it."""

    color: int
    name: str
    cost: int
    below: int


def stacked_days(
    days: Mapping[str, Mapping[str, int]], first: date, last: date, currency: str
) -> str:
    """Draw a bar for each day, with a segment for each model, and a legend below."""
    models = _largest(days)
    every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    stacks = [_stack(days.get(day.isoformat(), {}), models) for day in every]
    highest = max((sum(stack.values()) for stack in stacks), default=0)
    step = _WIDTH / max(len(every), 1)
    bars = "".join(
        _rect(part, _Bar(day, n * step, step, highest, currency))
        for n, (day, stack) in enumerate(zip(every, stacks, strict=True))
        for part in _piled(stack, models)
    )
    label = escape(f"Spend per day by model in {currency}", quote=True)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        f"{_scale(highest, currency)}{bars}{_dates(every, step)}</svg>{_legend(models)}"
    )


def _largest(days: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return the models that cost most; the others share one color."""
    sums: defaultdict[str, int] = defaultdict(int)
    for models in days.values():
        for name, cost in models.items():
            sums[name] += cost
    names = sorted(sums, key=lambda name: (-sums[name], name))
    return names if len(names) <= _MOST_MODELS else [*names[: _MOST_MODELS - 1], OTHERS]


def _stack(models: Mapping[str, int], shown: Sequence[str]) -> dict[str, int]:
    stack: defaultdict[str, int] = defaultdict(int)
    for name, cost in models.items():
        stack[name if name in shown else OTHERS] += cost
    return stack


def _piled(stack: Mapping[str, int], models: Sequence[str]) -> Iterator[_Part]:
    """Yield the segments of a bar from the bottom up."""
    below = 0
    for index, name in enumerate(models):
        if (cost := stack.get(name, 0)) > 0:
            yield _Part(index, name, cost, below)
            below += cost


def _rect(part: _Part, bar: _Bar) -> str:
    room = (_HEIGHT - _BOTTOM - _TOP) / bar.highest
    height, bottom = part.cost * room, _HEIGHT - _BOTTOM - part.below * room
    text = escape(f"{bar.day:%a %d %b} · {part.name} · {money(part.cost, bar.currency)}")
    return (
        f'<rect class="c{part.color}" x="{bar.left + bar.step * 0.12:.1f}" '
        f'y="{bottom - height:.1f}" width="{bar.step * 0.76:.1f}" height="{height:.1f}">'
        f"<title>{text}</title></rect>"
    )


def _scale(highest: int, currency: str) -> str:
    base = _HEIGHT - _BOTTOM
    top = f'<text x="0" y="{_TOP - 3}">{escape(money(highest, currency))}</text>'
    return (
        f'<line x1="0" x2="{_WIDTH}" y1="{base}" y2="{base}"/>'
        f'<line class="faint" x1="0" x2="{_WIDTH}" y1="{_TOP}" y2="{_TOP}"/>{top}'
    )


def _dates(days: Sequence[date], step: float) -> str:
    every = max(1, -(-len(days) // 6))
    return "".join(
        f'<text x="{n * step + step * 0.12:.1f}" y="{_HEIGHT - 6}">{day:%d %b}</text>'
        for n, day in enumerate(days)
        if n % every == 0
    )


def _legend(models: Sequence[str]) -> str:
    items = "".join(
        f'<li><i class="c{index}"></i>{escape(name)}</li>' for index, name in enumerate(models)
    )
    return f'<ul class="legend">{items}</ul>'
