"""The command line: which command runs, and what is loaded for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
    code = (
        "import sys, langchain_qwen36.cli as cli; cli.main([]); "
        "print([m for m in sys.modules if m.startswith('langchain_qwen36.cli.')])"
    )
    result = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"
