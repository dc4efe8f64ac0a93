"""How a host is billed: by tokens, by the batch price, or by a plan."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.callbacks import get_qwen_cost_callback
from langchain_qwen36.catalog import find_offer
from langchain_qwen36.errors import AuthenticationError

BATCH = "https://batch.dashscope.aliyuncs.com/compatible-mode/v1"
PLANS = {
    "token-plan-beijing": "https://token-plan.cn-beijing.maas.aliyuncs.com/compatible-mode/v1",
    "token-plan-singapore": "https://token-plan.ap-southeast-1.maas.aliyuncs.com/compatible-mode/v1",
    "coding-plan": "https://coding.dashscope.aliyuncs.com/v1",
    "coding-plan-intl": "https://coding-intl.dashscope.aliyuncs.com/v1",
}
REPLY = {
    "id": "x",
    "object": "chat.completion",
    "model": "qwen3.6-plus",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}
    ],
    "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000},
}


def model(base_url: str, sent: list[dict[str, Any]], **settings: Any) -> ChatQwen36:
    """Return a model that is answered in the process; `sent` collects its requests."""

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append({"body": request.read(), "timeout": request.extensions.get("timeout")})
        return httpx.Response(200, json=REPLY)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    settings = {"api_key": "sk-test-0123456789", "enable_thinking": False} | settings
    return ChatQwen36(model="qwen3.6-plus", base_url=base_url, http_client=client, **settings)


@pytest.mark.parametrize("base_url", PLANS.values(), ids=PLANS)
def test_a_plan_has_tokens_and_no_price_in_money(base_url):
    """A Token Plan counts Credits and a Coding Plan calls: dollars would be made up."""
    message = model(base_url, []).invoke("hi")
    assert message.usage_metadata["input_tokens"] == 1_000_000
    assert "cost" not in message.response_metadata


def test_batch_chat_costs_half_the_list():
    """The message and the handler both take the batch factor of the region's list."""
    with get_qwen_cost_callback(discount="1.0") as cb:
        message = model(BATCH, []).invoke("hi")
    cost = message.response_metadata["cost"]
    price = find_offer("dashscope", "qwen3.6-plus").prices[0]
    assert price.batch == Decimal("0.5")
    assert (cost["batch"], cost["total"]) == (True, float(price.tiers[1].input * price.batch))
    assert cb.total_cost == Decimal(str(cost["total"]))


def test_batch_chat_never_streams():
    """`stream` sends a plain request and yields the answer of one body."""
    sent: list[dict[str, Any]] = []
    chunks = list(model(BATCH, sent).stream("hi"))
    assert "".join(chunk.text for chunk in chunks) == "ok"
    assert b"stream" not in sent[0]["body"]


def test_batch_chat_sends_no_cache_marks():
    """Batch and cache discounts do not combine, so a mark would only cost its write."""
    sent: list[dict[str, Any]] = []
    with pytest.warns(UserWarning, match="no markers added"):
        model(BATCH, sent, prompt_cache="auto").invoke("word " * 3_000)
    assert b"cache_control" not in sent[0]["body"]


def refusing(status: int, message: str, **settings: Any) -> ChatQwen36:
    """Return a model whose gateway refuses every request."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"error": {"message": message}})

    client = httpx.Client(transport=httpx.MockTransport(answer))
    settings = {"gateway": "dashscope-intl", "api_key": "sk-test-0123456789"} | settings
    return ChatQwen36(http_client=client, max_retries=0, **settings)


def test_a_key_of_a_plan_at_another_host_gets_the_hint():
    """Keys that begin with sk-sp- work at their plan's host only."""
    with pytest.raises(AuthenticationError, match="dashscope-token-plan"):
        refusing(401, "invalid access token", api_key="sk-sp-0123456789").invoke("hi")
