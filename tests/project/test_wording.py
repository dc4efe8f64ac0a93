"""The wording of the package: names of the field, texts that a user can look up."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import langchain_qwen36

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(langchain_qwen36.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

BANNED_NAMES = frozenset(
    [
        "said",
        "told",
        "asked",
        "heard",
        "seen",
        "place",
        "places",
        "beside",
        "given_up",
        "go_on",
        "give_back",
    ]
)
"""Words that neither LangChain nor httpx nor OpenAI uses as names."""

CODE = re.compile(r"\b[PTF]\d{1,2}\b|DESIGN §|\b\w+\.md §")
"""Numbers of lists outside the repository, and sections of papers that nobody can open."""


def names_in(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a module gives to variables, parameters, functions and classes."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_name_is_a_banned_word(module: Path) -> None:
    """Names are the terms of LangChain, OpenAI's API reference, httpx and the RFCs."""
    names = names_in(ast.parse(module.read_text("utf-8")))
    assert sorted({name for name in names if name.strip("_") in BANNED_NAMES}) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_text_cites_a_code_that_nobody_can_open(module: Path) -> None:
    """Comments, docstrings and messages link to docs/quirks.md or to a public page instead."""
    assert CODE.findall(module.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param("said = 1", ["said"], id="variable"),
        pytest.param("def f(told): ...", ["f", "told"], id="parameter"),
        pytest.param("class Place: ...", ["Place"], id="class"),
        pytest.param("self.heard = 1", ["heard"], id="attribute"),
    ],
)
def test_every_kind_of_name_is_looked_at(source: str, names: list[str]) -> None:
    """The check of banned words sees variables, parameters, classes and attributes."""
    assert list(names_in(ast.parse(source))) == names


@pytest.mark.parametrize("text", ["as P04 says", "(T1)", "F57", "DESIGN §4.2", "dashscope.md §3"])
def test_a_code_is_recognized(text: str) -> None:
    """The check of codes sees those that the first version was full of."""
    assert CODE.search(text)


LINK = re.compile(r"docs/quirks\.md#([\w-]+)")
HEADING = re.compile(r"^### (.+)$", re.MULTILINE)


def anchor(heading: str) -> str:
    """Return the anchor that the site makes of a heading."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())


def test_links_to_the_quirks_lead_somewhere() -> None:
    """Each `docs/quirks.md#anchor` in the package is a heading of that page."""
    page = (Path(__file__).parents[2] / "docs" / "quirks.md").read_text("utf-8")
    anchors = {anchor(heading) for heading in HEADING.findall(page)}
    links = {link for module in MODULES for link in LINK.findall(module.read_text("utf-8"))}
    assert sorted(links - anchors) == []
