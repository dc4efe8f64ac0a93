"""docs/own-server.md shows the commands with which the tests start the servers, and no others."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent))

from commands import COMMANDS, litellm_config

PAGE = (Path(__file__).parents[2] / "docs" / "own-server.md").read_text("utf-8")


def shown_commands() -> list[str]:
    """Return the commands of the page's consoles, each in one line, but for `export`."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    commands = [
        command for block in blocks for command in re.split(r"^\$ ", block, flags=re.MULTILINE)
    ]
    lines = [" ".join(command.replace("\\\n", " ").split()) for command in commands]
    return [line for line in lines if line and not line.startswith("export ")]


def test_the_page_shows_the_commands_that_are_tested() -> None:
    """A server is started in the tests as a reader of the page starts it."""
    assert sorted(shown_commands()) == sorted(COMMANDS)


def test_the_page_shows_the_configuration_of_litellm_that_is_tested() -> None:
    """The proxy's file in the page is the one of the tests, with the reader's address and keys."""
    ((block,),) = [re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    assert yaml.safe_load(block) == litellm_config("http://localhost:8080/v1", "secret", "sk-mine")
