"""What the package gives out says what it is, down to each field; the reference is made of it."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import langchain_qwen36
from langchain_qwen36 import ChatQwen36

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

PACKAGE = langchain_qwen36.__name__
FOLDER = Path(langchain_qwen36.__file__).parent
PUBLIC = [
    langchain_qwen36,
    *(
        importlib.import_module(f"{PACKAGE}.{module.name}")
        for module in pkgutil.iter_modules(langchain_qwen36.__path__)
        if not module.name.startswith("_")
    ),
]


def exports_of(module: ModuleType) -> list[str]:
    """Return what `__all__` names, else what the module itself defines."""
    own = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    return [name for name in getattr(module, "__all__", own) if name != "__version__"]


EXPORTS = {
    f"{module.__name__}.{name}".removeprefix(f"{PACKAGE}."): getattr(module, name)
    for module in PUBLIC
    for name in exports_of(module)
}
CLASSES = {name: value for name, value in EXPORTS.items() if isinstance(value, type)}


def told_fields(body: list[ast.stmt]) -> Iterator[tuple[str, bool]]:
    """Return the public names that are assigned to, and whether a text stands below."""
    for statement, following in zip(body, [*body[1:], None], strict=False):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                told = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
                if not name.startswith("_"):
                    yield name, told


@cache
def tree_of(path: Path) -> ast.Module:
    """Return a module as it is written; `inspect.getsource` would parse it once for each class."""
    return ast.parse(path.read_text("utf-8"))


def source_of(value: type) -> ast.ClassDef:
    """Return a class as it is written."""
    tree = tree_of(Path(inspect.getfile(value)))
    (found,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name == value.__name__
    )
    return found


def ours(value: type) -> list[type]:
    """Return the class and those of its bases that are from this package."""
    return [each for each in value.__mro__ if each.__module__.startswith(PACKAGE)]


ASSIGNED = {
    name: told for path in FOLDER.rglob("*.py") for name, told in told_fields(tree_of(path).body)
}


@pytest.mark.parametrize("name", EXPORTS)
def test_a_public_name_says_what_it_is(name: str) -> None:
    """By its docstring, or for a constant by the text below it."""
    value, last = EXPORTS[name], name.rpartition(".")[2]
    if isinstance(value, type) or inspect.isroutine(value):
        assert value.__doc__
    else:
        assert ASSIGNED[last]


OF_LANGCHAIN = {"model_config", "run_inline", "state_schema", "transformers"}
"""What LangChain or pydantic reads of a class, and tells of itself."""
SAME = re.compile("on_(tool|retriever)_(start|end|error)")
"""Names that one method has beside its own."""


@pytest.mark.parametrize("name", CLASSES)
def test_a_public_class_tells_of_each_field(name: str) -> None:
    """Its bases' fields too."""
    untold = {
        field
        for value in ours(CLASSES[name])
        for field, told in told_fields(source_of(value).body)
        if not told
    }
    assert {field for field in untold - OF_LANGCHAIN if not SAME.fullmatch(field)} == set()


@pytest.mark.parametrize("name", CLASSES)
def test_a_public_class_tells_of_each_method(name: str) -> None:
    """Properties and class methods too."""
    untold = [
        member.name
        for value in ours(CLASSES[name])
        for member in source_of(value).body
        if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef)
        and not member.name.startswith("_")
        and "overload" not in map(ast.unparse, member.decorator_list)
        and not ast.get_docstring(member)
    ]
    assert untold == []


def raised_in(function: ast.AST) -> set[str]:
    """Return the names of the errors that a function raises itself."""
    found = set()
    for node in ast.walk(function):
        match node:
            case ast.Raise(exc=ast.Call(func=ast.Name(id=name))) if name[0].isupper():
                found.add(name)
    return found


def functions() -> Iterator[tuple[str, ast.AST, str]]:
    """Every public function and method with its text; a class's own counts for its `__init__`."""
    for name, value in EXPORTS.items():
        if isinstance(value, type):
            for member in source_of(value).body:
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                    doc = ast.get_docstring(member) or ""
                    if member.name == "__init__":
                        yield name, member, f"{value.__doc__} {doc}"
                    elif not member.name.startswith("_"):
                        yield f"{name}.{member.name}", member, doc
        elif inspect.isfunction(inspect.unwrap(value)):
            source = inspect.getsource(inspect.unwrap(value))
            yield name, ast.parse(textwrap.dedent(source)), value.__doc__ or ""


@pytest.mark.parametrize(
    ("function", "doc"), [pytest.param(code, doc, id=name) for name, code, doc in functions()]
)
def test_a_public_function_tells_of_the_errors_that_it_raises(function: ast.AST, doc: str) -> None:
    """By name, under Raises."""
    raises = doc.partition("Raises:")[2]
    assert {error for error in raised_in(function) if error not in raises} == set()


SECTIONS = (
    "Setup",
    "Key init args - completion params",
    "Key init args - client params",
    "Instantiate",
    "Invoke",
    "Stream",
    "Async",
    "Tool calling",
    "Structured output",
    "Image input",
    "Token usage and cost",
    "Response metadata",
)


def test_the_model_tells_what_langchains_models_tell() -> None:
    """In the order in which their docstrings do, so that an editor shows what one looks for."""
    doc: Any = inspect.getdoc(ChatQwen36)
    assert [line[:-1] for line in doc.splitlines() if line[:-1] in SECTIONS] == list(SECTIONS)
