"""Errors that a server sends inside an HTTP 200, whole or in the middle of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from answers import chunk
from builders import answer, model_on, streamed
from loopback import Raw

from langchain_qwen36._transport import no_waiting
from langchain_qwen36.errors import InvalidRequestError, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]


def error_in_200(code: int, text: str) -> Raw:
    """Return an error inside an HTTP 200."""
    return Raw(body={"error": {"code": code, "message": text}})


@pytest.mark.pain("P33")
def test_a_rate_limit_inside_a_success_is_retried(gateway_server: Server) -> None:
    """An error body in an HTTP 200 is retried by its own code, as if it were the status."""
    server = gateway_server("openai-compatible")
    server.script(error_in_200(429, "Slow down"), error_in_200(429, "Slow down"), answer())
    with no_waiting():
        message = model_on(server).invoke("Hi")
    assert (message.text, message.response_metadata["attempts"]) == ("Hello", 3)


@pytest.mark.pain("P33")
@pytest.mark.parametrize("ask", [lambda model: model.invoke("Hi"), streamed])
def test_an_invalid_request_inside_a_success_is_raised_at_once(
    gateway_server: Server, ask: Any
) -> None:
    """A 400 in an HTTP 200 raises the typed error with its code and text, without a retry."""
    server = gateway_server("openai-compatible")
    server.script(error_in_200(400, "No such parameter"))
    with pytest.raises(InvalidRequestError, match="No such parameter") as caught:
        ask(model_on(server))
    assert (caught.value.status_code, len(server.requests)) == (400, 1)


@pytest.mark.pain("P33")
def test_an_error_in_the_middle_of_a_stream_is_typed(gateway_server: Server) -> None:
    """An error in the middle of a stream is typed and carries what had arrived before it."""
    error = {"error": {"code": 502, "message": "Provider disconnected"}, "choices": None}
    server = gateway_server("openai-compatible")
    server.script(Raw(events=[chunk({"content": "Hel"}), error]))
    with pytest.raises(ServerError, match="Provider disconnected") as caught:
        streamed(model_on(server))
    assert caught.value.partial.text == "Hel"
