"""The profile of a model: what LangChain's agents read of it, as far as the gateway decides it."""

from __future__ import annotations

from typing import get_type_hints

import pytest
from langchain_core.language_models import ModelProfile

from langchain_qwen36 import GATEWAYS, ChatQwen36
from langchain_qwen36._model.identity import _GATEWAY_KEYS, profile


@pytest.mark.parametrize("gateway", GATEWAYS.values(), ids=lambda gateway: gateway.name)
def test_every_key_is_langchains(gateway):
    """An unknown key would be warned of at every construction."""
    keys = set(profile("qwen3.6-plus", gateway))
    assert keys <= set(get_type_hints(ModelProfile))
    assert keys >= _GATEWAY_KEYS - {"reasoning_effort_levels"}


@pytest.mark.parametrize(
    ("gateway", "model", "key", "value"),
    [
        pytest.param("ollama", "qwen3.6-27b", "tool_choice", False, id="no-forced-tool"),
        pytest.param("openrouter", "qwen3.6-plus", "tool_choice", True, id="forced-tool"),
        pytest.param("openrouter", "qwen3.6-plus", "mid_conversation_tools", False, id="no-tools"),
        pytest.param("openrouter", "qwen3.6-plus", "attachment", True, id="pictures"),
        pytest.param("openrouter", "qwen3.6-max-preview", "attachment", False, id="text-only"),
        pytest.param("openrouter", "qwen3.6-plus", "status", "active", id="sold"),
        pytest.param("openrouter", "qwen3-coder-plus", "reasoning_effort_levels", None, id="none"),
    ],
)
def test_what_the_gateway_decides(gateway, model, key, value):
    """Forced tools, messages in the middle and efforts differ from gateway to gateway."""
    assert profile(model, GATEWAYS[gateway]).get(key) == value


def test_system_messages_in_the_middle_are_told_by_the_gateway():
    """Where all are folded into one at the front, the profile says so."""
    key = "mid_conversation_system_messages"
    told = {row.name: profile("qwen3.6-plus", row)[key] for row in GATEWAYS.values()}
    assert told == {row.name: not row.one_system_message for row in GATEWAYS.values()}


def test_a_copy_of_another_model_has_the_other_profile():
    """The gateway's keys do not make a profile look like one of the user's own."""
    model = ChatQwen36(model="qwen3.6-plus", gateway="openrouter", api_key="sk-1")
    copy = model.model_copy(update={"model": "qwen3.6-27b"})
    assert copy.profile == profile("qwen3.6-27b", GATEWAYS["openrouter"])


@pytest.mark.pain("P38")
@pytest.mark.parametrize(
    "model",
    [
        "qwen3.6-plus",
        "qwen3.6-flash",
        "qwen3.6-max-preview",
        "qwen3.6-27b",
        "qwen3.6-35b-a3b",
        "qwen3.6-plus-2026-04-02",
        "qwen/qwen3.6-plus",
        "alibaba/qwen3.6-27b",
        "Qwen/Qwen3.6-35B-A3B",
    ],
)
def test_every_spelling_of_a_model_has_a_profile(model: str) -> None:
    """A dated, prefixed or Hugging Face name has the model's window, tools and reasoning."""
    profile = ChatQwen36(model=model, gateway="openrouter", api_key="no-real-key").profile
    assert profile["max_input_tokens"] > 200_000
    assert (profile["tool_calling"], profile["reasoning_output"]) == (True, True)
