"""Random foreign tool schemas on llama.cpp's real engine, which compiles each into a grammar."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from schemas import ROOTS

from langchain_qwen36 import ChatQwen36

pytestmark = [
    pytest.mark.engine,
    pytest.mark.slow,
    pytest.mark.usefixtures("_scripted_engine"),
]


@pytest.fixture
def model() -> ChatQwen36:
    """Return a model on the embedded engine with the shortest answer."""
    return ChatQwen36(
        gateway="local", temperature=0, max_tokens=1, enable_thinking=False, max_retries=0
    )


@pytest.mark.timeout(300)
@given(ROOTS)
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_engine_takes_every_normalized_schema(model: ChatQwen36, schema: dict) -> None:
    """A forced call of a tool with a random foreign schema is answered, not refused."""
    tool = {"name": "f", "description": "d", "parameters": schema}

    assert model.bind_tools([tool], tool_choice="f").invoke("Call f.")
