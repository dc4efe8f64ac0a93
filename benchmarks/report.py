"""The measured rows and growths as Markdown."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.peers import BEFORE, FLOOR, OPENAI, OURS
from benchmarks.runs import Measured, verdicts

if TYPE_CHECKING:
    from benchmarks.rows import Growth, Row

Grown = list[tuple["Growth", dict[str, list[tuple[int, float]]]]]

COLUMNS = (FLOOR, OURS, BEFORE, OPENAI, "ChatQwen", "ChatDeepSeek", "ChatOpenRouter")
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


def machine(commit: str) -> str:
    """Return where this was measured, of which commit, and with which versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    model = next(models, platform.processor())
    versions = [f"{name} {found}" for name in _PACKAGES if (found := _version(name))]
    python = f"Python {platform.python_version()}"
    of = f"Commit {commit}. " if commit else ""
    return (
        f"{of}{os.cpu_count()} cores of {model}, {platform.system()}, {python}; "
        f"{', '.join(versions)}."
    )


def server(rates: dict[str, float]) -> str:
    """Return what the server gives at least."""
    return (
        f"The server alone gives a client that looks at nothing {rates['requests']:,.0f} "
        f"req/s and {rates['chunks']:,.0f} chunks/s."
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def table(measured: Measured, *, judged: bool) -> str:
    """Return all rows, a column for each model that was measured, and the goals if `judged`."""
    names = {name for figures in measured.values() for name in figures}
    columns = [name for name in COLUMNS if name in names]
    lines = [
        "| " + " | ".join(["", *columns, *(["goal", "reached"] if judged else [])]) + " |",
        "|---" + "|---:" * len(columns) + ("|---|---|" if judged else "|"),
    ]
    for row, figures in measured.items():
        if row.variants:
            continue
        cells = [cell(row, figures.get(name)) for name in columns]
        goals = _goals(row, measured) if judged else ()
        lines.append("| " + " | ".join([row.title, *cells, *goals]) + " |")
    return "\n".join(lines)


def cell(row: Row, figure: float | None) -> str:
    """Return a figure with its unit; "" for none."""
    return "" if figure is None else f"{figure:,.{_digits(figure)}f} {row.unit}"


def _digits(figure: float) -> int:
    return 0 if figure >= 100 else 1 if figure >= 10 else 2


def _goals(row: Row, measured: Measured) -> tuple[str, str]:
    """Return a row's goals, and whether each is reached."""
    found = verdicts(row, measured)
    reached = (f"{'yes' if yes else '**no**'}: {ratio:.2f}" for _, ratio, yes in found)
    return "; ".join(str(goal) for goal, _, _ in found), "; ".join(reached)


def variants(measured: Measured, *, judged: bool) -> str:
    """Return the rows of our own model alone, as sentences."""
    lines = []
    for row, figures in measured.items():
        if row.variants:
            shown = "; ".join(f"{name} {cell(row, figure)}" for name, figure in figures.items())
            goal, reached = _goals(row, measured) if judged else ("", "")
            lines.append(f"- {row.title}: {shown}." + f" Goal {goal}: {reached}." * bool(goal))
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
            each = [f"{seconds / size * 1e6:.3g}" for size, seconds in points]
            lines.append(f"| {peer} | " + " | ".join(each) + " |")
    return "\n".join(lines)


def write_into(page: Path, text: str) -> None:
    """Put a report between the two marks of a page."""
    before, mark, rest = page.read_text(encoding="utf-8").partition(_MARK)
    _, second, after = rest.partition(_MARK)
    if not (mark and second):
        sys.exit(f"{page} lacks its two marks: {_MARK}")
    page.write_text(f"{before}{mark}\n\n{text}\n\n{mark}{after}", encoding="utf-8")
