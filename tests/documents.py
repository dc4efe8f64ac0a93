"""The code blocks of a Markdown text, and what is said of them in a comment above."""

from __future__ import annotations

import ast
import re
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^>]+?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
_ONE_THEME = re.compile(r"#only-(light|dark)$")
"""Material's way to say that a picture is for one theme; no anchor."""


class Block(NamedTuple):
    """A fenced block."""

    language: str
    code: str
    line: int
    """Of its first line of code, from 1."""
    reason: str | None
    """Why it is not run; None: it is."""


def blocks_of(text: str) -> Iterator[Block]:
    """Return the blocks in order; `<!-- not run: why -->` above one leaves it out."""
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("code")) + 1
        code = textwrap.dedent(found["code"])
        yield Block(found["language"], code, line, found["reason"])


def run(block: Block, name: str, names: dict[str, Any], runner: asyncio.Runner) -> None:
    """Execute a Python block in `names`; it may `await`, as in a notebook.

    Errors point into the page.
    """
    source = "\n" * (block.line - 1) + block.code
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(source, name, "exec", flags=flags, dont_inherit=True)
    waiting = eval(code, names)  # noqa: S307 - our own documentation
    if waiting is not None:
        runner.run(waiting)


def anchors_of(text: str) -> set[str]:
    """Return the anchors of a page's headings, as they are made on the web."""
    prose = _BLOCK.sub("", text)
    heads = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def links_of(text: str) -> list[str]:
    """Return the targets of its links and pictures that lead to no other host."""
    prose = _BLOCK.sub("", text)
    targets = re.findall(r"\]\((?!\w+:)([^)\s]+)\)|src(?:set)?=\"([^\"]+)\"", prose)
    return [_ONE_THEME.sub("", markdown or html) for markdown, html in targets]
