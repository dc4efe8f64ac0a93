"""Every real server does what is expected of it, behavior by behavior."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from behaviors import BEHAVIORS, Chat, attempt
from expected import expected
from servers import SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers import Endpoint

pytestmark = [
    pytest.mark.servers,
    # A server starts in minutes, and the first test of each waits for it.
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
    pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning"),
]


@pytest.mark.parametrize("behavior", BEHAVIORS)
@pytest.mark.parametrize("server", SERVERS, scope="session")
def test_a_server_behaves_as_expected(
    server: str,
    behavior: str,
    endpoint: Callable[[str], Endpoint],
    seen: dict[str, dict[str, str]],
) -> None:
    """What is seen equals what `expected.py` says of this server; its log is shown where not."""
    running = endpoint(server)
    chat = Chat(SERVERS[server].gateway, running)
    result = attempt(lambda: BEHAVIORS[behavior](chat))
    seen.setdefault(server, {})[behavior] = result
    if result != expected(behavior, server):
        print(running.log())  # noqa: T201 - pytest shows it with the failure
    assert expected(behavior, server) == result
