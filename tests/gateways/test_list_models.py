"""`ChatQwen36.list_models` and the command `models`: what a gateway lists, and what we know."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.cli import main
from langchain_qwen36.errors import (
    AuthenticationError,
    GatewayConnectionError,
    UnexpectedResponseError,
)

LIST = {"data": [{"id": "qwen/qwen3.6-plus"}, {"id": "openai/gpt-5"}, {"id": "qwen/qwen9-mini"}]}


def client(status: int = 200, payload: object = LIST) -> httpx.Client:
    """Return a client that answers `/models`, and refuses a request without the key."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer sk-test-0123456789"
        assert str(request.url) == "https://openrouter.ai/api/v1/models"
        return httpx.Response(status, json=payload)

    return httpx.Client(transport=httpx.MockTransport(answer))


def listed(**options: object) -> list:
    """Return the models of OpenRouter as the client above lists them."""
    options = {"http_client": client(), "api_key": "sk-test-0123456789"} | options
    return ChatQwen36.list_models(gateway="openrouter", **options)


def test_a_listed_model_is_joined_with_the_catalogue():
    """Window, inputs, thinking and the price of today stand beside the gateway's id."""
    model = listed()[0]
    assert (model.id, model.model) == ("qwen/qwen3.6-plus", "qwen3.6-plus")
    assert (model.context_window, model.thinking) == (1_000_000, "off")
    assert (model.currency, model.input_rate) == ("USD", Decimal("0.325"))


def test_an_unknown_model_is_listed_with_what_is_not_known_as_none():
    """A model newer than the catalogue is listed all the same."""
    model = listed()[1]
    assert (model.id, model.model, model.context_window, model.currency) == (
        "qwen/qwen9-mini",
        None,
        None,
        None,
    )


def test_other_makers_models_are_listed_on_request():
    """`only_qwen=False` leaves nothing out."""
    assert [model.id for model in listed(only_qwen=False)] == [row["id"] for row in LIST["data"]]


def test_a_refusal_is_the_error_of_its_status():
    """A 401 for the list is the error that a call would raise."""
    with pytest.raises(AuthenticationError):
        listed(http_client=client(401, {"error": {"message": "bad key"}}))


def test_a_body_that_is_no_list_is_an_error():
    """An HTML page or another JSON is not read as an empty list."""
    with pytest.raises(UnexpectedResponseError):
        listed(http_client=client(payload={"models": 3}))


def test_a_gateway_that_cannot_be_reached_is_a_connection_error():
    """The error of the HTTP client does not come through, nor does the key."""

    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    broken = httpx.Client(transport=httpx.MockTransport(answer))
    with pytest.raises(GatewayConnectionError) as caught:
        listed(http_client=broken)
    assert "sk-test" not in str(caught.value)


def test_the_command_prints_the_catalogue_offline(capsys):
    """`models --offline` needs neither key nor network, and marks retired models."""
    assert main(["models", "--gateway", "vercel", "--offline"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("alibaba/qwen3.6-plus" in line and "0.50 / 3.00 USD" in line for line in lines)
    assert any("qwen-3.6-max-preview" in line and "use qwen3.7-max" in line for line in lines)


def test_a_command_that_lists_nothing_says_how_to_see_more(capsys):
    """A server of your own may have other makers' models only."""
    assert main(["models", "--gateway", "vllm", "--offline"]) == 0
    assert "`--all`" in capsys.readouterr().err
