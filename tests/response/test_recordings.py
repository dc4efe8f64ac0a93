"""Every recorded answer, sent over a real socket and read through the model in every style."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages.ai import add_ai_message_chunks
from recorded_errors import ANSWERED, BY_HAND, REFUSED
from recordings import NETWORK_CUTS, RECORDINGS, Replay
from reference import said, seen

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._response.sse import SSEDecoder
from langchain_qwen36._transport import no_waiting
from langchain_qwen36.errors import (
    QwenError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.messages import AIMessage, AIMessageChunk

pytestmark = [
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
    pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning"),
]


BROKEN = [file for file in REFUSED if RECORDINGS[file].is_stream]


@pytest.fixture(scope="module")
def replay() -> Iterator[Replay]:
    """One server for all recordings: the path says which one is meant."""
    with Replay() as server:
        yield server


def model_on(replay: Replay, file: str, cut: str = "whole", **settings: Any) -> ChatQwen36:
    """Return the model on the row whose dialect the recording is."""
    return ChatQwen36(
        gateway=RECORDINGS[file].row,
        base_url=replay.base_url(file, cut),
        api_key="no-real-key",
        **(RECORDINGS[file].settings | settings),
    )


def expected(file: str) -> dict[str, Any]:
    """Return what the recording says, read without our code."""
    return said(RECORDINGS[file].payloads) | BY_HAND.get(file, {})


def whole(chunks: list[AIMessageChunk]) -> AIMessage:
    """Return a stream's chunks as LangChain's users add them up."""
    return add_ai_message_chunks(*chunks)


V1 = {"output_version": "v1"}
STYLES: dict[str, tuple[dict[str, Any], Any]] = {
    "invoke": ({}, lambda model: model.invoke("Hi")),
    "invoke-streaming": ({"streaming": True}, lambda model: model.invoke("Hi")),
    "stream": ({}, lambda model: whole(list(model.stream("Hi")))),
    "invoke-v1": ({"streaming": True, **V1}, lambda model: model.invoke("Hi")),
    "stream-v1": (V1, lambda model: whole(list(model.stream("Hi")))),
    "events": ({}, lambda model: model.stream_events("Hi", version="v3").output),
}


async def _astream(model: ChatQwen36) -> AIMessage:
    return whole([chunk async for chunk in model.astream("Hi")])


async def _aevents(model: ChatQwen36) -> AIMessage:
    return await (await model.astream_events("Hi", version="v3"))


ASYNC_STYLES: dict[str, tuple[dict[str, Any], Any]] = {
    "ainvoke": ({}, lambda model: model.ainvoke("Hi")),
    "ainvoke-streaming": ({"streaming": True}, lambda model: model.ainvoke("Hi")),
    "astream": ({}, _astream),
    "ainvoke-v1": ({"streaming": True, **V1}, lambda model: model.ainvoke("Hi")),
    "astream-v1": (V1, _astream),
    "aevents": ({}, _aevents),
}


def styles_of(file: str, styles: dict[str, Any]) -> dict[str, Any]:
    """All styles for a body, for a server may ignore `stream`; for events those that ask for it."""
    one_shot = {"invoke", "ainvoke"} if RECORDINGS[file].is_stream else set()
    return {name: style for name, style in styles.items() if name not in one_shot}


@pytest.mark.parametrize("file", ANSWERED)
def test_an_answer_is_the_same_in_every_style(replay: Replay, file: str) -> None:
    """Text, thoughts, calls with their ids, usage and finish reason are those of the bytes."""
    styles = styles_of(file, STYLES)
    found = {
        name: seen(ask(model_on(replay, file, **settings)))
        for name, (settings, ask) in styles.items()
    }
    assert dict.fromkeys(styles, expected(file)) == found


@pytest.mark.parametrize("file", ANSWERED)
async def test_an_answer_is_the_same_in_every_async_style(replay: Replay, file: str) -> None:
    """The async twins too."""
    styles = styles_of(file, ASYNC_STYLES)
    found = {
        name: seen(await ask(model_on(replay, file, **settings)))
        for name, (settings, ask) in styles.items()
    }
    assert dict.fromkeys(styles, expected(file)) == found


def fine(file: str) -> str:
    """Return the finest cut that a recording of that length has time for."""
    size = len(RECORDINGS[file].body)
    return "1" if size < 10_000 else "7" if size < 50_000 else "61"


@pytest.mark.parametrize("file", ANSWERED)
async def test_an_answer_is_the_same_however_the_network_cuts_it(replay: Replay, file: str) -> None:
    """Byte by byte, or in pieces that cut every event; sync and async."""
    model = model_on(replay, file, fine(file))
    streamed = await asyncio.to_thread(lambda: whole(list(model.stream("Hi"))))
    assert expected(file) == seen(streamed)
    assert expected(file) == seen(await _aevents(model))


@pytest.mark.parametrize("file", NETWORK_CUTS)
async def test_an_answer_is_the_same_at_its_recorded_cuts(replay: Replay, file: str) -> None:
    """In the pieces in which it once arrived, in every style, sync and async."""
    sync = {
        name: await asyncio.to_thread(ask, model_on(replay, file, "network", **settings))
        for name, (settings, ask) in styles_of(file, STYLES).items()
    }
    found = sync | {
        name: await ask(model_on(replay, file, "network", **settings))
        for name, (settings, ask) in styles_of(file, ASYNC_STYLES).items()
    }
    assert dict.fromkeys(found, expected(file)) == {name: seen(m) for name, m in found.items()}


@pytest.mark.parametrize("file", [file for file in RECORDINGS if RECORDINGS[file].is_stream])
def test_events_are_the_same_byte_by_byte(file: str) -> None:
    """Also in recordings that are too long for a socket that sends single bytes."""
    body = RECORDINGS[file].body
    decoder, together = SSEDecoder(), SSEDecoder()
    found = [event for byte in body for event in decoder.feed(bytes((byte,)))]
    assert together.feed(body) == found
    assert together.close() == decoder.close()


ID_HEADERS = ("x-request-id", "x-generation-id", "x-ds-trace-id")
WITH_ID = [file for file in RECORDINGS if RECORDINGS[file].headers.keys() & set(ID_HEADERS)]


@pytest.mark.parametrize("file", WITH_ID)
def test_the_recorded_request_id_is_told(replay: Replay, file: str) -> None:
    """On the message, or on the error, for the gateway's support to find the call."""
    model = model_on(replay, file, max_retries=0)
    headers = RECORDINGS[file].headers
    try:
        told = whole(list(model.stream("Hi"))).response_metadata["request_id"]
    except QwenError as error:
        told = error.request_id
    assert next(headers[name] for name in ID_HEADERS if name in headers) == told


@pytest.mark.parametrize("file", REFUSED)
def test_an_error_has_its_class_its_words_and_its_number_of_attempts(
    replay: Replay, file: str
) -> None:
    """An HTTP error, an error within an HTTP 200, and an answer that broke off, in every style."""
    for name, (settings, ask) in styles_of(file, STYLES).items():
        with no_waiting(), pytest.raises(QwenError) as caught:
            ask(model_on(replay, file, **settings))
        assert_refused(file, caught.value, name)


@pytest.mark.parametrize("file", REFUSED)
async def test_an_error_is_the_same_in_every_async_style(replay: Replay, file: str) -> None:
    """The async twins too, and at the finest cut."""
    for name, (settings, ask) in styles_of(file, ASYNC_STYLES).items():
        with no_waiting(), pytest.raises(QwenError) as caught:
            await ask(model_on(replay, file, fine(file), **settings))
        assert_refused(file, caught.value, name)


def assert_refused(file: str, error: QwenError, style: str) -> None:
    """Compare an error with its row of the table."""
    refused = REFUSED[file]
    facts = (style, type(error), error.status_code, error.attempts, error.gateway)
    assert (style, refused.error, refused.status, refused.attempts, RECORDINGS[file].row) == facts
    assert refused.message in error.message


@pytest.mark.parametrize("file", BROKEN)
@pytest.mark.parametrize("style", ["invoke-streaming", "stream", "events"])
def test_what_came_before_a_break_is_not_lost(replay: Replay, file: str, style: str) -> None:
    """The partial message holds what the chunks before the failure said, and their number."""
    settings, ask = STYLES[style]
    chunks = [payload for payload in RECORDINGS[file].payloads if "choices" in payload]
    with pytest.raises(QwenError) as caught:
        ask(model_on(replay, file, max_retries=0, **settings))
    partial = caught.value.partial
    assert partial is not None
    assert said(chunks) | BY_HAND.get(file, {}) == seen(partial)
    assert len(chunks) == caught.value.chunks


@pytest.mark.pain("P52")
@pytest.mark.parametrize("file", BROKEN)
def test_an_invoke_that_streams_inside_begins_again(replay: Replay, file: str) -> None:
    """Nobody has seen a part of the answer, so it is asked for again where that may help."""
    model = ChatQwen36(gateway="dashscope", base_url=replay.base_url(file), api_key="no-real-key")
    with no_waiting(), pytest.raises(REFUSED[file].error) as caught:
        model.invoke("Hi")
    assert (3 if caught.value.is_retryable else 1) == caught.value.attempts


CUT = [file for file in RECORDINGS if "tool-cut" in file]


@pytest.mark.parametrize("file", CUT)
@pytest.mark.parametrize("style", [name for name in STYLES if "v1" not in name])
def test_a_call_that_the_limit_cut_is_invalid(replay: Replay, file: str, style: str) -> None:
    """A real vLLM presents a cut call as whole, with arguments `{}`: it must not be run."""
    if style not in styles_of(file, STYLES):
        pytest.skip("a recorded stream answers no plain request")
    settings, ask = STYLES[style]
    message = ask(model_on(replay, file, **settings).bind_tools(RECORDINGS[file].request["tools"]))
    assert message.tool_calls == []
    assert [call["name"] for call in message.invalid_tool_calls] == ["get_weather"]
    assert message.response_metadata["finish_reason"] == "length"
