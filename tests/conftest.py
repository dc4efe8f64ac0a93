"""What every test has: no network but this machine, no key from the environment, a gateway."""

from __future__ import annotations

import gc
import os
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from loopback import LoopbackGateway

from langchain_qwen36.gateways import GATEWAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modes import Mode

    from langchain_qwen36.gateways import Gateway

# Hypothesis fails what takes 0.2 s once, and what it is long in making, as it may be on a busy
# machine; and a run that is to be judged tries the same examples each time. Others:
# `pytest --hypothesis-profile explore`.
_PATIENT = [HealthCheck.too_slow]
settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=_PATIENT)
settings.register_profile("explore", deadline=None, suppress_health_check=_PATIENT)
settings.load_profile("same")

_PREFIXES = ("LANGSMITH", "LANGCHAIN", "LC_", "QWEN36", "OPENAI")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let sockets reach this machine only, before pytest-socket reads its options.

    The embedded engine and asyncio keep working: the guard is on `connect`, not on sockets.
    """
    config.option.allow_hosts = config.option.allow_hosts or "127.0.0.1,::1"
    config.option.allow_unix_socket = True


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Let the garbage collector pass over modules and tests, 12,000 of them: none is garbage.

    Otherwise it looks through all of them time and again, 0.3 s each.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


_OURS = frozenset(name for row in GATEWAYS.values() for name in (*row.key_env, *row.base_url_env))
_test_numbers = count()


@pytest.fixture(scope="session")
def _state_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the folder of all state folders; `tmp_path` would make, and look through, one a test."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, _state_folders: Path) -> None:
    """Hide keys, base URLs, tracing and proxies that the developer's machine may have set.

    What a ledger keeps in the user's state folder goes into a folder of the test.
    """
    monkeypatch.setenv("XDG_STATE_HOME", f"{_state_folders}/{next(_test_numbers)}")
    for name in list(os.environ):
        is_proxy = name.lower().endswith("_proxy")
        if name in _OURS or is_proxy or name.startswith(_PREFIXES):
            monkeypatch.delenv(name)


@pytest.fixture(params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> Mode:
    """Both ways of calling."""
    return request.param


@pytest.fixture
def gateway_server() -> Iterator[Callable[..., LoopbackGateway]]:
    """Start gateways: `gateway_server("openrouter")`; they end with the test."""
    with ExitStack() as stack:

        def start(row: Gateway | str = "dashscope", **options: Any) -> LoopbackGateway:
            return stack.enter_context(LoopbackGateway(row, **options))

        yield start
