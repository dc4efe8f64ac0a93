"""Start each real server once, and collect what was seen for the table."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from server_table import keep, render
from servers import SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers import Endpoint

Seen = dict[str, dict[str, str]]
"""What was seen, by server and behavior."""


def pytest_configure(config: pytest.Config) -> None:
    """Make room for what is seen."""
    config.stash[_SEEN] = {}


_SEEN: pytest.StashKey[Seen] = pytest.StashKey()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each server's tests follow each other, so that it is started once."""
    order = [None, *SERVERS]
    items.sort(
        key=lambda item: order.index(
            item.callspec.params.get("server")
            if isinstance(item, pytest.Function)
            and hasattr(item, "callspec")
            and item.path.parent == Path(__file__).parent
            else None
        )
    )


@pytest.fixture(scope="session")
def seen(request: pytest.FixtureRequest) -> Seen:
    """What was seen up to now."""
    return request.config.stash[_SEEN]


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Endpoint]]:
    """Start a server by name, the one before it ended: two cores carry one at a time."""
    with ExitStack() as stack:
        current: dict[str, Endpoint] = {}
        failed: dict[str, str] = {}

        def start(name: str) -> Endpoint:
            if name in failed:
                pytest.fail(f"{name} did not start: {failed[name]}", pytrace=False)
            if name not in current:
                stack.close()
                current.clear()
                folder = tmp_path_factory.mktemp(name)
                try:
                    current[name] = stack.enter_context(SERVERS[name].start(folder))
                except Exception as error:
                    failed[name] = str(error).partition("\n")[0]
                    raise
            return current[name]

        yield start


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the table of behaviors by server; write the page where asked."""
    found = config.stash[_SEEN]
    if found:
        terminalreporter.section("what was seen, server by behavior")
        terminalreporter.write(render(found))
    if os.environ.get("WRITE_SERVERS"):
        keep(found)
