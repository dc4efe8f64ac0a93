"""Draws images/cost-report*.svg, light and dark: the report of real calls to gateways here.

Run with: make docs-images
"""

# ruff: noqa: INP001 (a program beside the pages)
from __future__ import annotations

import io
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from loopback import LoopbackGateway

from langchain_qwen36 import ChatQwen36, get_qwen_cost_callback

if TYPE_CHECKING:
    from rich.table import Table
    from rich.terminal_theme import TerminalTheme

IMAGES = Path(__file__).parent / "images"
PICTURES = {
    IMAGES / "cost-report.svg": DEFAULT_TERMINAL_THEME,
    IMAGES / "cost-report-dark.svg": SVG_EXPORT_THEME,
}
NOVEL = "It was the best of times, it was the worst of times. "
CALLS = (
    ("dashscope-intl", "qwen3.6-plus", "Summarise this novel: " + 2_000 * NOVEL),
    ("dashscope-intl", "qwen3.6-plus", "Who tells the story?"),
    ("dashscope-intl", "qwen3.6-flash", "Translate this novel: " + 13_000 * NOVEL),
    ("dashscope-intl", "qwen3.6-flash", "Translate this novel: " + 21_000 * NOVEL),
    ("openrouter", "qwen3.6-plus", "Write a review of this novel: " + 1_000 * NOVEL),
    ("vllm", "qwen3.6-27b", "Find the names in it: " + 500 * NOVEL),
)
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def report() -> Table:
    """Make the calls, and give their report."""
    with ExitStack() as stack, get_qwen_cost_callback() as cb:
        for gateway, name, question in CALLS:
            server = stack.enter_context(LoopbackGateway(gateway))
            model = ChatQwen36(
                model=name, gateway=gateway, base_url=server.base_url, api_key=server.key
            )
            model.invoke(question)
    return cb.report()


def draw(table: Table, theme: TerminalTheme) -> str:
    """Return the table as it stands in a terminal, with no font that is loaded from elsewhere."""
    console = Console(record=True, width=76, file=io.StringIO())
    console.print(table)
    svg = console.export_svg(title="rich.print(cb.report())", unique_id="cost-report", theme=theme)
    if theme is DEFAULT_TERMINAL_THEME:
        svg = svg.replace("rgba(255,255,255,0.35)", "rgba(0,0,0,0.2)")  # the frame, on white
    return _FONT.sub("", svg)


if __name__ == "__main__":
    table = report()
    for path, theme in PICTURES.items():
        path.write_text(draw(table, theme), "utf-8")
