"""The shape of the code, held by tests: sizes, names, exports, what an import costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import langchain_qwen36
from langchain_qwen36.gateways import GATEWAYS

PACKAGE = Path(langchain_qwen36.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 350
MAX_FUNCTION_LINES = 50
MEDIAN_FUNCTION_LINES = 10


def functions(module: Path) -> list[tuple[str, int]]:
    """Name and length of each function of a module, docstring not counted."""
    found = []
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            doc = node.body[0] if ast.get_docstring(node) else None
            spent = doc.end_lineno - doc.lineno + 1 if doc else 0
            found.append((node.name, node.end_lineno - node.lineno + 1 - spent))
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_can_be_read_at_a_sitting(module):
    """A file that grows past 350 lines has a seam."""
    assert len(module.read_text("utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_function_can_be_read_at_a_glance(module):
    """None is longer than 50 lines."""
    assert [name for name, lines in functions(module) if lines > MAX_FUNCTION_LINES] == []


def test_most_functions_are_short():
    """Half of them have less than 10 lines."""
    lengths = sorted(lines for module in MODULES for _, lines in functions(module))
    assert lengths[len(lengths) // 2] < MEDIAN_FUNCTION_LINES


def code_words(module: Path) -> set[str]:
    """Names and string literals of a module, without comments and docstrings (fields' too)."""
    source = module.read_text("utf-8")
    docs = {
        (node.lineno, node.col_offset)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    words: set[str] = set()
    with module.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type in (tokenize.NAME, tokenize.STRING) and token.start not in docs:
                words |= set(re.findall(r"[a-z]+(?:-[a-z]+)*", token.string.lower()))
    return words


# "local" is the embedded engine's package and extra; "vllm" and its kin may be named in advice.
VENDORS = {"dashscope", "apiyi", "openrouter", "vercel", "aimlapi", "sglang", "ollama", "aliyuncs"}


@pytest.mark.parametrize(
    "module",
    [path for path in MODULES if "gateways" not in path.parts],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_no_gateway_is_named_in_the_code(module):
    """A dialect is a fact of its row: nothing asks who is being called."""
    assert code_words(module) & VENDORS == set()


def test_the_vendors_that_are_looked_for_are_the_rows():
    """A new gateway's name is looked for too."""
    heads = {name.split("-")[0] for name in GATEWAYS} - {"openai", "local", "llamacpp", "vllm"}
    assert heads <= VENDORS


def test_exports_are_sorted_and_there():
    """The public names, as ruff sorts them."""
    names = langchain_qwen36.__all__
    assert [name for name in names if not hasattr(langchain_qwen36, name)] == []
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "heavy", ["openai", "tiktoken", "langchain_openai", "xllamacpp", "langchain", "numpy"]
)
def test_importing_the_package_does_not_load(heavy):
    """P65: what only some users need is loaded when they need it."""
    program = f"import sys, langchain_qwen36; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603
