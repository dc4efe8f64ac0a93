"""The shape of the code, held by tests: sizes, names, exports, what an import costs."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import tokenize
from pathlib import Path

import pytest
from imported import modules_after

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


def lines_without_docstrings(module: Path) -> int:
    """Count the lines of a module; docstrings (those of fields too) are documentation, not code."""
    source = module.read_text("utf-8")
    documentation = sum(
        node.end_lineno - node.lineno + 1
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
    return len(source.splitlines()) - documentation


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_can_be_read_at_a_sitting(module):
    """No module has more than 350 lines, docstrings not counted."""
    assert lines_without_docstrings(module) <= MAX_LINES


def test_a_long_module_would_be_found_whatever_its_docstrings(tmp_path):
    """Docstrings of modules, classes, functions and fields are not counted; all else is."""
    module = tmp_path / "module.py"
    module.write_text('"""A.\n\nB.\n"""\nclass C:\n    """C."""\n\n    x = 1\n    """X."""\n')
    assert lines_without_docstrings(module) == len(["class C:", "", "x = 1"])


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_function_can_be_read_at_a_glance(module):
    """None is longer than 50 lines."""
    assert [name for name, lines in functions(module) if lines > MAX_FUNCTION_LINES] == []


def test_most_functions_are_short():
    """Half of them have less than 10 lines."""
    lengths = sorted(lines for module in MODULES for _, lines in functions(module))
    assert lengths[len(lengths) // 2] < MEDIAN_FUNCTION_LINES


# From Python 3.12 on an f-string comes in parts.
WORDS = {tokenize.NAME, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


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
            if token.type in WORDS and token.start not in docs:
                words |= set(re.findall(r"[a-z]+(?:-[a-z]+)*", token.string.lower()))
    return words


# The first word of each row's name. These are the names of software too, which advice may name.
VENDORS = {name.split("-")[0] for name in GATEWAYS} - {"openai", "local", "llamacpp", "vllm"}


@pytest.mark.parametrize(
    "module",
    [path for path in MODULES if "gateways" not in path.parts],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_no_gateway_is_named_in_the_code(module):
    """A dialect is a fact of its row: nothing asks who is being called."""
    assert code_words(module) & {*VENDORS, "aliyuncs"} == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        pytest.param("is_dashscope = True", {"dashscope"}, id="part-of-a-name"),
        pytest.param("if row == 'openrouter': ...", {"openrouter"}, id="a-text"),
        pytest.param("f'https://vercel.{ollama}'", {"vercel", "ollama"}, id="in-an-f-string"),
        pytest.param('"""Of dashscope."""\nx = 1  # as ollama has it', set(), id="only-told"),
    ],
)
def test_a_gateways_name_would_be_found(tmp_path, source, found):
    """In names and texts; docstrings and comments may tell where a fact is from."""
    module = tmp_path / "module.py"
    module.write_text(source, "utf-8")
    assert code_words(module) & VENDORS == found


def test_a_long_function_would_be_found(tmp_path):
    """Methods and async ones too; the docstring does not count."""
    module = tmp_path / "module.py"
    body = "\n".join(["        pass"] * 50)
    module.write_text(f"class A:\n    async def f(self):\n        '''A.\n\n        B.'''\n{body}\n")
    assert functions(module) == [("f", MAX_FUNCTION_LINES + 1)]


def exports() -> list[str]:
    """Return the modules that say what they export."""
    names = [langchain_qwen36.__name__]
    for _, name, _ in pkgutil.walk_packages(langchain_qwen36.__path__, "langchain_qwen36."):
        spec = importlib.util.find_spec(name)
        if "__all__" in Path(spec.origin).read_text("utf-8"):
            names.append(name)
    return names


@pytest.mark.parametrize("name", exports())
def test_exports_are_sorted_and_there(name):
    """Constants, then classes, then functions, as ruff sorts them."""
    module = importlib.import_module(name)
    names = list(module.__all__)
    assert [name for name in names if not hasattr(module, name)] == []
    assert names == sorted(
        set(names), key=lambda name: (not name.isupper(), name.lower() == name, name)
    )


@pytest.fixture(scope="module")
def modules_of_the_package() -> set[str]:
    """Return what `import langchain_qwen36` loads, once for all tests."""
    return modules_after("import langchain_qwen36")


@pytest.mark.parametrize(
    "heavy",
    [
        "openai",
        "tiktoken",
        "langchain_openai",
        "xllamacpp",
        "langchain",
        "numpy",
        "langchain_qwen36.callbacks",
    ],
)
def test_importing_the_package_does_not_load(heavy, modules_of_the_package):
    """What only some users need is loaded when they need it."""
    assert heavy not in modules_of_the_package


def test_a_name_that_there_is_none_of_is_an_attribute_error():
    """What is loaded when it is asked for does not hide a misspelling."""
    with pytest.raises(AttributeError, match="'langchain_qwen36' has no attribute 'ChatQwen35'"):
        _ = langchain_qwen36.ChatQwen35
