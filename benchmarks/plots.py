"""The pictures of a run: how much longer the peers take, and how time grows; light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.peers import FLOOR, OPENAI, OURS
from benchmarks.report import COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.report import Grown
    from benchmarks.runs import Measured

_SHOWN = (
    "stream, per chunk",
    "astream, per chunk",
    "v3 events, per chunk",
    "first chunk, warm connection",
    "invoke, one after another",
    "invoke with 1,000 messages",
    "1,000 ainvoke at once",
    "1,000 streams of 200 chunks at once",
    "construct a model",
)
"""The rows of the first picture."""


class _Theme(NamedTuple):
    ending: str
    text: str
    ours: str
    openai: str
    other: str


_THEMES = (
    _Theme("", "#24292f", "#5b3cc4", "#2f9e77", "#a1a9b3"),
    _Theme("-dark", "#e6edf3", "#a48bff", "#4fc79a", "#6e7681"),
)


def write(measured: Measured, grown: Grown, folder: Path) -> None:
    """Write `benchmarks.svg` and `benchmarks-growth.svg`, and a dark one of each."""
    import matplotlib as mpl

    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    for theme in _THEMES:
        colored = ("text.color", "axes.labelcolor", "xtick.color", "ytick.color")
        settings: dict[Any, Any] = dict.fromkeys(colored, theme.text) | {
            "axes.edgecolor": theme.other,
            "font.size": 11,
            "svg.hashsalt": "langchain-qwen36",  # the same figures give the same file
        }
        with mpl.rc_context(settings):
            _write_ratios(measured, theme, folder / f"benchmarks{theme.ending}.svg")
            _write_growths(grown, theme, folder / f"benchmarks-growth{theme.ending}.svg")


def _write_ratios(measured: Measured, theme: _Theme, path: Path) -> None:
    """Draw, for each row, how many times as long as ours each model takes."""
    from matplotlib import pyplot as plt

    rows = [(row, figures) for row, figures in measured.items() if row.title in _SHOWN]
    rows = [(row, figures) for row, figures in rows if OURS in figures and OPENAI in figures]
    if not rows:
        return
    figure, axis = plt.subplots(figsize=(9, 0.62 * len(rows) + 1))
    for place, (row, figures) in enumerate(rows):
        ratio = figures[OPENAI] / figures[OURS]
        times = 1 / ratio if row.rate else ratio
        axis.barh(place + 0.19, times, 0.36, color=theme.openai)
        axis.barh(place - 0.19, 1, 0.36, color=theme.ours)
        axis.text(times, place + 0.19, f" {times:.1f} x", va="center", fontsize=10)
    axis.set_yticks(range(len(rows)), [row.title for row, _ in rows])
    axis.invert_yaxis()
    axis.set_xticks([])
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    axis.margins(x=0.08)
    axis.legend(
        [axis.containers[1], axis.containers[0]],
        ["ChatQwen36", "ChatOpenAI, beside it"],
        loc="lower right",
        frameon=False,
    )
    axis.set_title("Time taken on one core; shorter is better", loc="left", fontsize=12)
    _save(figure, path)


def _write_growths(grown: Grown, theme: _Theme, path: Path) -> None:
    """Draw the seconds of CPU over the size, a small axis for each growth."""
    from matplotlib import pyplot as plt

    if not grown:
        return
    lines = -(-len(grown) // 2)
    figure, axes = plt.subplots(lines, 2, figsize=(9, 2.7 * lines), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    colors = {OURS: theme.ours, OPENAI: theme.openai, FLOOR: theme.other}
    for axis, (growth, by_peer) in zip(axes.flat, grown, strict=False):
        axis.axis("on")
        for peer in (name for name in COLUMNS if name in by_peer):
            sizes, seconds = zip(*by_peer[peer], strict=True)
            axis.plot(sizes, seconds, marker="o", label=peer, color=colors[peer])
        axis.set_title(growth.title, fontsize=10, loc="left")
        axis.set_ylabel("s of CPU")
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(fontsize=9, frameon=False)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, transparent=True, metadata={"Date": None})
