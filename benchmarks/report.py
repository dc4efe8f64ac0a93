"""The table, in Markdown, and the plot."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.peers import FLOOR, OURS
from benchmarks.runs import verdicts

if TYPE_CHECKING:
    from benchmarks.rows import Growth, Row
    from benchmarks.runs import Figures

Measured = list[tuple["Row", "Figures"]]
Grown = list[tuple["Growth", dict[str, list[tuple[int, float]]]]]

_COLUMNS = (FLOOR, OURS, "ChatOpenAI", "ChatQwen", "ChatDeepSeek", "ChatOpenRouter")
_PACKAGES = (
    "langchain-qwen36",
    "langchain-core",
    "langchain-openai",
    "langchain-qwq",
    "langchain-deepseek",
    "langchain-openrouter",
    "openai",
    "openrouter",
    "httpx",
    "httpx2",
    "pydantic",
    "orjson",
)
_MARK = "<!-- measured: `make bench` writes what stands between these two lines -->"


def machine() -> str:
    """Where this was measured, and with which versions."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    versions = [f"{name} {found}" for name in _PACKAGES if (found := _version(name))]
    python = f"Python {platform.python_version()}"
    return (
        f"{os.cpu_count()} cores of {model}, {platform.system()}, {python}; {', '.join(versions)}."
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def table(measured: Measured, *, judged: bool) -> str:
    """All rows, with a column for each model that was measured, and the goals if `judged`."""
    seen = {name for _, figures in measured for name in figures}
    columns = [name for name in _COLUMNS if name in seen]
    lines = [
        "| " + " | ".join(["", *columns, *(["goal", "reached"] if judged else [])]) + " |",
        "|---" + "|---:" * len(columns) + ("|---|---|" if judged else "|"),
    ]
    for row, figures in measured:
        if row.variants:
            continue
        cells = [_cell(row, figures.get(name)) for name in columns]
        said = [_verdict(row, figures, at) for at in (0, 1)] if judged else []
        lines.append("| " + " | ".join([row.title, *cells, *said]) + " |")
    return "\n".join(lines)


def _cell(row: Row, figure: float | None) -> str:
    return "" if figure is None else f"{figure:,.{_digits(figure)}f} {row.unit}"


def _digits(figure: float) -> int:
    return 0 if figure >= 100 else 1 if figure >= 10 else 2


def _verdict(row: Row, figures: Figures, part: int) -> str:
    said = []
    for goal, ratio, reached in verdicts(row, figures):
        sign = "≤" if goal.holds == "at most" else "≥"
        words = (
            f"{sign} {goal.ratio:g} x {goal.against}",
            f"{'yes' if reached else '**no**'}: {ratio:.2f}",
        )
        said.append(words[part])
    return "; ".join(said)


def variants(measured: Measured) -> str:
    """Return the rows of our own model alone, as sentences."""
    lines = []
    for row, figures in measured:
        if row.variants:
            said = "; ".join(f"{name} {_cell(row, figure)}" for name, figure in figures.items())
            lines.append(f"{row.title}: {said}.")
    return "\n".join(lines)


def growth_table(grown: Grown) -> str:
    """Microseconds per chunk or message, at every size."""
    lines = []
    for growth, by_peer in grown:
        lines.append(f"\n{growth.title}, µs of CPU for each of n, the garbage collector off:\n")
        sizes = [size for size, _ in next(iter(by_peer.values()))]
        lines.append("| n | " + " | ".join(f"{size:,}" for size in sizes) + " |")
        lines.append("|---" + "|---:" * len(sizes) + "|")
        for peer, points in by_peer.items():
            each = [f"{seconds / size * 1e6:.1f}" for size, seconds in points]
            lines.append(f"| {peer} | " + " | ".join(each) + " |")
    return "\n".join(lines)


def write_into(page: Path, text: str) -> None:
    """Put a report between the two marks of a page."""
    before, mark, rest = page.read_text(encoding="utf-8").partition(_MARK)
    _, second, after = rest.partition(_MARK)
    if not (mark and second):
        sys.exit(f"{page} lacks its two marks: {_MARK}")
    page.write_text(f"{before}{mark}\n\n{text}\n\n{mark}{after}", encoding="utf-8")


def plot(measured: Measured, grown: Grown, path: Path) -> None:
    """Bars for the rows with a goal, lines for the growths."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows = [(row, figures) for row, figures in measured if row.goals and len(figures) > 1]
    columns = 4
    lines = -(-(len(rows) + len(grown)) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(4.2 * columns, 3.1 * lines))
    places = iter(axes.flat)
    for row, figures in rows:
        _bars(next(places), row, figures)
    for growth, by_peer in grown:
        _lines(next(places), growth, by_peer)
    for place in places:
        place.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


_COLOURS = {FLOOR: "#9e9e9e", OURS: "#5b3cc4", "ChatOpenAI": "#2f9e77"}
_OTHERS = "#d9a441"


def _bars(axis: Any, row: Row, figures: Figures) -> None:
    names = [name for name in _COLUMNS if name in figures]
    shown = [name.replace(" over ", "\nover ") for name in names]
    bars = axis.barh(
        shown, [figures[name] for name in names], color=[_COLOURS.get(n, _OTHERS) for n in names]
    )
    axis.bar_label(bars, [_cell(row, figures[name]) for name in names], padding=3, fontsize=8)
    axis.invert_yaxis()
    axis.margins(x=0.35)
    axis.set_xticks([])
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    axis.set_title(f"{row.title} ({'more' if row.rate else 'less'} is better)", fontsize=9)


def _lines(axis: Any, growth: Growth, by_peer: dict[str, list[tuple[int, float]]]) -> None:
    for peer, points in by_peer.items():
        sizes, seconds = zip(*points, strict=True)
        axis.plot(sizes, seconds, marker="o", label=peer, color=_COLOURS.get(peer, _OTHERS))
    axis.set_title(f"{growth.title}: seconds of CPU", fontsize=9)
    axis.tick_params(labelsize=8)
    axis.legend(fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)
