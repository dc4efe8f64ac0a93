"""The table of features, and what is said of keys, name tests that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests

from langchain_qwen36 import ChatQwen36

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "features.md").read_text("utf-8")
PROMISES = (ROOT / "SECURITY.md").read_text("utf-8")
NAME = re.compile(r"`(tests/[\w/]+\.py)::(\w+)(?:::(\w+))?`")
NAMED = NAME.findall(TABLE)


@pytest.mark.parametrize(
    ("path", "name", "inner"),
    [pytest.param(*row, id="-".join(row[1:])) for row in NAMED + NAME.findall(PROMISES)],
)
def test_a_feature_is_proved_by_a_test_that_there_is(path: str, name: str, inner: str) -> None:
    """By its file and name; those of LangChain's suites by the suite's own name."""
    body = ast.parse((ROOT / path).read_text("utf-8")).body
    assert name in {getattr(node, "name", None) for node in body}
    assert not inner or hasattr(ChatModelIntegrationTests, inner)


def test_every_row_names_a_test() -> None:
    """No feature is only said."""
    rows = [line for line in TABLE.splitlines() if line.startswith("| ")]
    heads = [line for line in rows if line.endswith("| proved by |")]
    assert len(rows) - len(heads) == len(NAMED)


def test_logprobs(gateway_server: Server) -> None:
    """In one piece and streamed, each token with its log probability."""
    server = gateway_server("vllm")
    model = ChatQwen36(
        model="qwen3.6-27b", gateway="vllm", base_url=server.base_url, logprobs=True, top_logprobs=1
    )
    head, *chunks = model.stream("Hi")
    for message in (model.invoke("Hi"), sum(chunks, head)):
        tokens = [entry["token"] for entry in message.response_metadata["logprobs"]["content"]]
        assert "".join(tokens) == message.text
