"""The sentence at the end of an error that names what is wrong with a URL or a model."""

from __future__ import annotations

import pytest

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._response.errors.hints import advice_for_call
from langchain_qwen36.errors import GatewayConnectionError, InvalidRequestError, NotFoundError
from langchain_qwen36.gateways import GATEWAYS

URL = "https://llm.example/v1/chat/completions"


@pytest.mark.parametrize(
    ("error", "url", "model", "advice"),
    [
        pytest.param(NotFoundError("no"), URL, "qwen3.6-pluss", "qwen3.6-plus", id="a-slip"),
        pytest.param(NotFoundError("no"), URL, "QWEN 3.6 plus", "qwen3.6-plus", id="spaces"),
        pytest.param(NotFoundError("no"), URL, "qwen36-plus", "qwen3.6-plus", id="no-dot"),
        pytest.param(NotFoundError("no"), URL, "qwen3.6-plus", None, id="a-known-model"),
        pytest.param(NotFoundError("no"), URL, "QWEN3.6-PLUS", "='qwen3.6-plus'", id="capitals"),
        pytest.param(
            NotFoundError("no"), URL, "qwen36:qwen3.6-plus", "='qwen3.6-plus'", id="init_chat_model"
        ),
        pytest.param(
            InvalidRequestError("qwen3.6-pluss is not a valid model ID"),
            URL,
            "qwen3.6-pluss",
            "='qwen3.6-plus'",
            id="openrouter",
        ),
        pytest.param(
            InvalidRequestError("`temperature` is too high"), URL, "qwen3.6-pluss", None, id="400"
        ),
        pytest.param(
            NotFoundError("no"),
            "http://x:11434/api/chat/completions",
            "qwen3.6:27b",
            "base_url='http://x:11434/v1'",
            id="ollamas-own-api",
        ),
        pytest.param(NotFoundError("no"), URL, "my-own-finetune", None, id="nothing-like-it"),
        pytest.param(
            NotFoundError("no"),
            "http://x:8000/chat/completions?a=b",
            "qwen3.6-27b",
            "base_url='http://x:8000/v1'",
            id="no-v1",
        ),
        pytest.param(
            GatewayConnectionError("[SSL: WRONG_VERSION_NUMBER] wrong version number"),
            URL,
            "qwen3.6-plus",
            "http://",
            id="https-to-http",
        ),
        pytest.param(
            InvalidRequestError("The plain HTTP request was sent to HTTPS port"),
            "http://x/v1/chat/completions",
            "qwen3.6-plus",
            "https://",
            id="http-to-https",
        ),
        pytest.param(GatewayConnectionError("refused"), URL, "x", None, id="another-failure"),
    ],
)
def test_the_advice_names_the_fix(error, url, model, advice):
    """A slip in the model's name, a missing /v1 and the wrong scheme are told by the failure."""
    sentence = advice_for_call(error, url, model)
    assert sentence is None if advice is None else advice in sentence


def test_the_path_of_dashscopes_own_api_is_told():
    """ChatTongyi's users set it; Chat Completions are below another path of the same host."""
    url = "https://dashscope-intl.aliyuncs.com/api/v1/chat/completions"
    row = GATEWAYS["dashscope-intl"]
    sentence = advice_for_call(NotFoundError("no"), url, "qwen3.6-plus", row)
    assert "base_url='https://dashscope-intl.aliyuncs.com/compatible-mode/v1'" in sentence


def test_a_call_ends_with_it(gateway_server):
    """The sentence stands behind the gateway's own words."""
    server = gateway_server("vllm")
    model = ChatQwen36(
        model="qwen3.6-27b",
        gateway="vllm",
        base_url=server.base_url.removesuffix("/v1"),
        api_key=server.key,
    )
    with pytest.raises(NotFoundError, match=r"try `base_url='http://.*/v1'`"):
        model.invoke("Hello!")
