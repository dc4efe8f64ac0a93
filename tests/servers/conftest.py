"""Start each real server once, and collect what was seen for the table."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadScopeScheduling

sys.path.insert(0, str(Path(__file__).parent))

import installed
from server_table import keep, overview, render
from servers import SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers import Endpoint

_BEGAN = time.time()


class RunningServers:
    """The server that is under test: two cores carry one for each worker."""

    def __init__(self, new_folder: Callable[[str], Path]) -> None:
        self._new_folder = new_folder
        self._stack = ExitStack()
        self._current: dict[str, Endpoint] = {}
        self._failed: dict[str, str] = {}

    def start(self, name: str) -> Endpoint:
        """Return a running server, the one before it ended; fail at once where it failed before."""
        if name in self._failed:
            pytest.fail(f"{name}: {self._failed[name]}", pytrace=False)
        if name not in self._current:
            self.end()
            try:
                started = self._stack.enter_context(SERVERS[name].start(self._new_folder(name)))
            except Exception as error:
                self.give_up(name, f"it did not start: {error}".partition("\n")[0])
                raise
            self._current[name] = started
        return self._current[name]

    def give_up(self, name: str, reason: str) -> None:
        """Let the further tests of a server fail with this reason."""
        self._failed[name] = reason

    def end(self) -> None:
        """End the server that runs."""
        self._current.clear()
        self._stack.close()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServers]:
    """The servers of this process."""
    running = RunningServers(tmp_path_factory.mktemp)
    yield running
    running.end()


@pytest.fixture
def endpoint(server: str, servers: RunningServers) -> Endpoint:
    """The server that a test names, started before the test's clock runs."""
    return servers.start(server)


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


class ByServer(LoadScopeScheduling):
    """Hands a server's tests to one worker, for two must not start the same."""

    def _split_scope(self, nodeid: str) -> str:
        name = nodeid.partition("[")[2]
        return next((server for server in SERVERS if name.startswith(server)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByServer:
    """Let workers take a server each."""
    return ByServer(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of behaviors by server, and what was installed; write the page where asked."""
    found: dict[str, dict[str, str]] = {}
    reports = [report for group in terminalreporter.stats.values() for report in group]
    for report in reports:
        for name, value in getattr(report, "user_properties", ()):
            if name == "seen":
                server, behavior, result = value
                found.setdefault(server, {})[behavior] = result
    if found:
        terminalreporter.section("what was seen, server by behavior")
        terminalreporter.write(overview(found) + render(found))
        for line in installed.installed_since(_BEGAN):
            terminalreporter.write_line(line)
    if os.environ.get("WRITE_SERVERS"):
        keep(found)
