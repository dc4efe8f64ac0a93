"""What mypy and pyright say of programs as users type them (`typing_snippets.toml`)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

SNIPPETS = tomllib.loads(Path(__file__).with_name("typing_snippets.toml").read_text("utf-8"))
PROGRAM = """\
import json
from pydantic import BaseModel, SecretStr
from langchain_qwen36 import ChatQwen36, Timeouts, init_qwen36
class City(BaseModel):
    name: str
def tool(city: str) -> str: return city
model = ChatQwen36()
"""
FIRST_LINE = PROGRAM.count("\n") + 1


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All snippets in one file, one to a line, since a checker takes seconds to start."""
    path = tmp_path_factory.mktemp("typing") / "program.py"
    lines = [snippet["code"] for snippet in SNIPPETS["snippet"]]
    path.write_text(PROGRAM + "\n".join(lines) + "\n", "utf-8")
    return path


def lines_of_mypy(program: Path) -> dict[int, str]:
    """Each line that mypy refuses, with what it says."""
    settings = program.with_name("mypy.ini")
    settings.write_text("[mypy]\nstrict = true\nplugins = pydantic.mypy\n", "utf-8")
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "mypy", "--config-file", settings, program],
        capture_output=True, text=True, check=False, cwd=program.parent,
    )  # fmt: skip
    assert run.stderr == ""
    found: dict[int, str] = {}
    for line, text in re.findall(r"program\.py:(\d+): error: (.*)", run.stdout):
        found[int(line)] = found.get(int(line), "") + text
    return found


def lines_of_pyright(program: Path) -> dict[int, str]:
    """Each line that pyright refuses, with what it says."""
    pyright = Path(sys.executable).with_name("pyright")
    if not pyright.exists() and shutil.which("pyright") is None:
        pytest.skip("pyright is not installed (group `lint`)")
    run = subprocess.run(  # noqa: S603
        [pyright, "--outputjson", "--pythonpath", sys.executable, program],
        capture_output=True, text=True, check=False, cwd=program.parent,
    )  # fmt: skip
    found: dict[int, str] = {}
    for problem in json.loads(run.stdout)["generalDiagnostics"]:
        if problem["severity"] == "error":
            line = problem["range"]["start"]["line"] + 1
            found[line] = found.get(line, "") + problem["message"]
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("checker", [lines_of_mypy, lines_of_pyright], ids=["mypy", "pyright"])
def test_right_programs_are_clean_and_wrong_ones_are_refused(checker, program):
    """A misspelt name, a wrong type and a wrong literal are errors; nothing else is."""
    refused = checker(program)
    wrong = {
        FIRST_LINE + number: snippet["error"]
        for number, snippet in enumerate(SNIPPETS["snippet"])
        if "error" in snippet
    }
    assert {line: refused[line] for line in refused.keys() - wrong.keys()} == {}
    unnamed = {line: name for line, name in wrong.items() if name not in refused.get(line, "")}
    assert unnamed == {}


def test_the_table_is_long_enough_and_each_name_stands_once():
    """At least thirty programs, a third of them wrong."""
    names = [snippet["name"] for snippet in SNIPPETS["snippet"]]
    assert len(names) == len(set(names)) >= 30
    assert sum("error" in snippet for snippet in SNIPPETS["snippet"]) >= 10
