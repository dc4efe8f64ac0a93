"""The command line: which command runs, and what is loaded for it."""

from __future__ import annotations

import sys

import pytest
from imported import modules_after

from langchain_qwen36.cli import COMMANDS, main


@pytest.mark.parametrize("argv", [[], ["-h"], ["--help"]], ids=["nothing", "-h", "--help"])
def test_help_lists_every_command(argv, capsys):
    """Without a command, the usage names every command and the status is 0."""
    assert main(argv) == 0
    text = capsys.readouterr().out
    assert [name for name in COMMANDS if name not in text] == []


def test_an_unknown_command_is_a_usage_error(capsys):
    """A misspelt command is named on stderr, with those that there are, and the status is 2."""
    assert main(["spent"]) == 2
    error = capsys.readouterr().err
    assert "'spent' is no command" in error
    assert "spend" in error


def test_no_command_is_loaded_before_it_is_run():
    """The dispatcher imports no command, so one's libraries cost the others nothing."""
    modules = modules_after("import langchain_qwen36.cli as cli; cli.main(['-h'])")
    assert [name for name in modules if name.startswith("langchain_qwen36.cli.")] == []


def test_the_command_line_imports_hardly_more_than_langchain_core():
    """No package that LangChain's core would not import, and fewer than 150 modules more."""
    core = modules_after("from langchain_core.language_models import BaseChatModel")
    more = modules_after("import langchain_qwen36.__main__") - core
    packages = {name.partition(".")[0] for name in more} - sys.stdlib_module_names
    assert packages <= {"langchain_qwen36", "langchain_core", "pydantic"}
    assert len(more) < 150
