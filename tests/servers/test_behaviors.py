"""Every real server does what is expected of it, behavior by behavior."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from behaviors import BEHAVIORS
from expected import expected
from observe import Chat, attempt
from servers import SERVERS
from taping import CASSETTES
from taping.play import head_of
from taping.record import SUBJECTS, RealServer, record_at
from taping.scenarios import SCENARIOS, SCRIPTED_SCENARIOS

from langchain_qwen36 import GATEWAYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import RunningServers
    from servers import Endpoint

BEHAVIOR_SECONDS = 120
"""For one test at a server that runs; more than ten times what the slowest takes."""

pytestmark = [
    pytest.mark.servers,
    pytest.mark.timeout(BEHAVIOR_SECONDS, func_only=True),
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
    pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning"),
]


@pytest.mark.parametrize("behavior", BEHAVIORS)
@pytest.mark.parametrize("server", SERVERS)
def test_a_server_behaves_as_expected(
    server: str,
    behavior: str,
    endpoint: Endpoint,
    servers: RunningServers,
    record_property: Callable[[str, object], None],
) -> None:
    """What is seen equals what `expected.py` says of this server; its log is shown where not."""
    chat = Chat(SERVERS[server].gateway, endpoint)
    try:
        result = attempt(lambda: BEHAVIORS[behavior](chat))
    except pytest.fail.Exception:
        servers.give_up(server, f"it hung in {behavior}, for {BEHAVIOR_SECONDS} s")
        raise
    record_property("seen", (server, behavior, result))
    if result != expected(behavior, server):
        print(endpoint.log())  # noqa: T201 - pytest shows it with the failure
    assert expected(behavior, server) == result


MISSPELT = {
    "thinking_off": {"thinking": "enable_thinking"},
    "thinking_budget": {"thinking_budget": "thinking_budget"},
}
"""The behavior that shows it, and the fact of a row that is wrong for every server that has it."""
WRONG_FACTS = [
    (name, behavior)
    for name, server in SERVERS.items()
    for behavior, facts in MISSPELT.items()
    if all(getattr(GATEWAYS[server.gateway], fact) != "unsupported" for fact in facts)
    # Where even the right name is refused, a wrong one is as well.
    and not expected(behavior, name).endswith("Error")
]


@pytest.mark.parametrize(("server", "behavior"), WRONG_FACTS)
def test_a_wrong_fact_of_a_row_is_noticed(server: str, behavior: str, endpoint: Endpoint) -> None:
    """With a misspelt switch the server does otherwise than expected, so the suite fails."""
    row = replace(GATEWAYS[SERVERS[server].gateway], **MISSPELT[behavior])
    chat = Chat(row, endpoint)
    assert expected(behavior, server) != attempt(lambda: BEHAVIORS[behavior](chat))


@pytest.mark.parametrize("server", ["llamacpp-xml", "vllm-xml"])
def test_its_cassettes_are_what_it_does(server: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """A new recording comes to what the one in cassettes/ comes to; `WRITE_SERVERS=1` keeps it."""
    gateway = SERVERS[server].gateway
    source = f"{SERVERS[server].version()} on the scripted model of tests/servers"
    where = RealServer(endpoint.base_url, endpoint.api_key, source)
    subject = SUBJECTS[gateway]
    settings = {"model": endpoint.model, **subject.settings}
    folder = (CASSETTES if os.environ.get("WRITE_SERVERS") else tmp_path) / gateway
    files = record_at(where, subject, settings, folder, [*SCENARIOS, *SCRIPTED_SCENARIOS])
    kept = [_outcome_of(CASSETTES / gateway / file.name) for file in files]
    assert kept == [_outcome_of(file) for file in files]


def _outcome_of(file: Path) -> dict[str, Any]:
    """Return what a cassette comes to, without what the server's cache held by chance."""

    def without_cache(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {k: without_cache(v) for k, v in value.items() if k != "input_token_details"}

    return without_cache(head_of(file)["expected"])
