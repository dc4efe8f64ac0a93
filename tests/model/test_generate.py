"""Asking for a whole answer: what handlers hear, and what two requests cost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from builders import model_on
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from loopback import Refusal, Reply
from pydantic import BaseModel

from langchain_qwen36 import ChatQwen36, get_qwen_cost_callback
from langchain_qwen36._model.generate import attach_partial_result
from langchain_qwen36.errors import InvalidRequestError, StreamInterruptedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]


class City(BaseModel):
    """A city: a schema with nothing to run."""

    name: str


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return city


def on(server, **settings) -> ChatQwen36:
    """Return a model on a loopback gateway."""
    return ChatQwen36(
        gateway=server.row.name, base_url=server.base_url, api_key=server.key, **settings
    )


@pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
def test_two_requests_are_billed_on_one_message(gateway_server):
    """Usage and cost are sums to the last digit, and both requests are told."""
    server = gateway_server("dashscope")
    bound = on(server).bind_tools([get_weather, City], tool_choice="any")
    message = bound.invoke("Hello!")
    first, second = message.response_metadata["requests"]
    assert len(server.bodies) == 2
    assert message.usage_metadata["total_tokens"] == (
        first["usage"]["total_tokens"] + second["usage"]["total_tokens"]
    )
    total = message.response_metadata["cost"]["total"]
    assert total == pytest.approx(first["cost"]["total"] + second["cost"]["total"], rel=1e-12)
    assert [call["name"] for call in message.tool_calls] == ["City"]


@pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
def test_a_failing_second_request_does_not_lose_the_first(gateway_server):
    """The answer that was paid for is the error's `partial`."""
    server = gateway_server("dashscope")
    server.script(Reply(text="No call."), Refusal(400, "no", "invalid_parameter_error"))
    bound = on(server).bind_tools([get_weather, City], tool_choice="any")
    with pytest.raises(InvalidRequestError) as failed:
        bound.invoke("Hello!")
    assert failed.value.partial.text == "No call."


@pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
async def test_two_requests_are_billed_on_one_message_async(gateway_server):
    """The async twin asks again and adds up, too."""
    server = gateway_server("dashscope")
    bound = on(server).bind_tools([get_weather, City], tool_choice="any")
    message = await bound.ainvoke("Hello!")
    first, second = message.response_metadata["requests"]
    assert len(server.bodies) == 2
    assert message.usage_metadata["total_tokens"] == (
        first["usage"]["total_tokens"] + second["usage"]["total_tokens"]
    )
    assert [call["name"] for call in message.tool_calls] == ["City"]


def test_what_a_second_answer_came_to_is_not_replaced_by_the_first():
    """The later text is what its reader wants to see."""
    first = ChatResult(generations=[ChatGeneration(message=AIMessage("No call."))])
    with pytest.raises(StreamInterruptedError) as failed, attach_partial_result(first):
        raise StreamInterruptedError(partial=AIMessage("Half"))
    assert failed.value.partial == AIMessage("Half")


class Heard(BaseCallbackHandler):
    """Counts tokens of text and chunks."""

    def __init__(self):
        self.tokens = []
        self.chunks = []

    def on_llm_new_token(self, token, *, chunk=None, **kwargs):
        """Take both."""
        self.tokens.append(token)
        self.chunks.append(chunk.message)


def test_invoke_that_streams_inside_tells_chunks_and_no_text(gateway_server):
    """Who prints tokens as they come must not print those of an invoke."""
    heard = Heard()
    message = on(gateway_server("dashscope")).invoke("Hello!", {"callbacks": [heard]})
    assert set(heard.tokens) == {""}
    assert "".join(chunk.text for chunk in heard.chunks) == message.text


async def test_a_cancelled_invoke_is_booked_with_what_had_come(gateway_server):
    """LangChain reports no end of it, so the model does; the chunks say how far it came."""
    server = gateway_server("dashscope", chunk_delay=0.05)
    with get_qwen_cost_callback() as cb, pytest.raises(TimeoutError):
        await asyncio.wait_for(on(server).ainvoke("Tell me all about Paris."), 0.4)
    (call,) = cb.runs
    assert (call.estimated, call.ending) == (True, "cancelled")
    assert call.tokens.output > 0
    assert cb.total_cost > 0


class Wrapping(BaseChatModel):
    """A model of someone's own that hands its streams on."""

    inner: ChatQwen36

    def _generate(self, *args, **kwargs):
        raise NotImplementedError

    def _stream(self, *args, **kwargs):
        yield from self.inner._stream(*args, **kwargs)

    async def _astream(self, *args, **kwargs):
        async for chunk in self.inner._astream(*args, **kwargs):
            yield chunk

    @property
    def _llm_type(self):
        return "wrapping"


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_handlers_hear_a_stream_that_another_model_hands_on(gateway_server, way):
    """Only there does LangChain give the run's callbacks to `_stream`: for v3, made of chunks."""
    heard, model = Heard(), Wrapping(inner=on(gateway_server("dashscope")))
    config = {"callbacks": [heard]}
    if way == "sync":
        text = str(model.stream_events("Hello!", config, version="v3").text)
    else:
        stream = await model.astream_events("Hello!", config, version="v3")
        text = str(await stream.text)
    assert text
    assert "".join(heard.tokens) == text


@pytest.mark.pain("P07")
@pytest.mark.parametrize("model", ["qwen3.6-27b", "qwq-plus"])
def test_invoke_streams_inside_where_thinking_needs_it(gateway_server: Server, model: str) -> None:
    """An invoke streams where a server thinks in streams only, and returns a message with usage."""
    server = gateway_server("dashscope")
    message = model_on(server, model).invoke("Hi")
    assert (server.bodies[0]["stream"], type(message)) == (True, AIMessage)
    assert message.additional_kwargs["reasoning_content"]
    assert message.usage_metadata["output_tokens"] > 0
