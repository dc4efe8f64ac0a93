"""The tests read like a specification: a sentence each, under a name without a number."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
MODULES = sorted(TESTS.rglob("test_*.py"))

NUMBERED = re.compile(r"test_[pft]\d+_")
CODE = re.compile(r"\b[PTF]\d{2}\b|DESIGN §|\b\w+\.md §")
"""Numbers of lists outside the repository; the marker `pain` keeps the one of a first report."""


@cache
def functions_of(module: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the test functions of a file."""
    return [
        node
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    ]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(TESTS)))
def test_every_test_says_what_it_claims(module: Path) -> None:
    """The docstring is what a reader has where the test fails."""
    assert [test.name for test in functions_of(module) if not ast.get_docstring(test)] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(TESTS)))
def test_no_test_is_called_by_a_number(module: Path) -> None:
    """The test of a behavior is found by its name."""
    assert [test.name for test in functions_of(module) if NUMBERED.match(test.name)] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(TESTS)))
def test_no_docstring_cites_a_code_that_nobody_can_open(module: Path) -> None:
    """A claim stands alone: what a code knew is said in words."""
    docstrings = [ast.get_docstring(test) or "" for test in functions_of(module)]
    assert [text for text in docstrings if CODE.search(text)] == []
