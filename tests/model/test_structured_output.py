"""Structured answers: where one is looked for, and what is said where there is none."""

from __future__ import annotations

import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration
from langchain_core.runnables import RunnableLambda
from loopback import Reply
from pydantic import BaseModel

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._model.output_parser import StructuredOutputParser


class City(BaseModel):
    """A city."""

    name: str


PARIS = {"name": "Paris"}
CALL = {"name": "City", "args": PARIS, "id": "1", "type": "tool_call"}
OTHER = {"name": "get_weather", "args": {}, "id": "2", "type": "tool_call"}
BROKEN = {
    "name": "City",
    "args": '{"na',
    "id": "3",
    "error": None,
    "type": "invalid_tool_call",
}


def parser(**settings) -> StructuredOutputParser:
    """One that reads a `City`."""
    return StructuredOutputParser(**{"target": City, "tool_name": "City", **settings})


def model(**settings) -> ChatQwen36:
    """Return a model that is never called."""
    return ChatQwen36(gateway="dashscope", api_key="sk-1", **settings)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(AIMessage("", tool_calls=[CALL]), id="call"),
        pytest.param(AIMessage("", tool_calls=[OTHER, CALL]), id="call-behind-another"),
        pytest.param(AIMessage('{"name": "Paris"}'), id="text"),
        pytest.param(AIMessage('Here:\n```json\n{"name": "Paris"}\n```'), id="fence"),
        pytest.param(
            AIMessage("", additional_kwargs={"reasoning_content": '{"name": "Paris"}'}),
            id="thoughts",
        ),
    ],
)
def test_an_answer_is_found_wherever_it_stands(message):
    """Qwen does not always answer a forced call with a call."""
    assert parser().invoke(message) == City(name="Paris")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        pytest.param(
            AIMessage(
                "", invalid_tool_calls=[BROKEN], response_metadata={"finish_reason": "length"}
            ),
            r"broken arguments \(cut by the token limit: raise `max_tokens`\)\.",
            id="cut-call",
        ),
        pytest.param(
            AIMessage("", invalid_tool_calls=[BROKEN]), r"broken arguments\.", id="broken-call"
        ),
        pytest.param(AIMessage("It is Paris."), "neither a call", id="prose"),
        pytest.param(AIMessage("42"), "neither a call", id="json-that-is-no-object"),
        pytest.param(
            AIMessage("", response_metadata={"finish_reason": "stop"}), "empty.*'stop'", id="empty"
        ),
        pytest.param(AIMessage('{"town": "Paris"}'), r"does not fit City.*name", id="misfit"),
    ],
)
def test_no_answer_is_an_error_that_says_what_was_there(message, words):
    """The reader need not print the message to see why."""
    with pytest.raises(OutputParserException, match=f"(?s){words}") as failed:
        parser().invoke(message)
    assert failed.value.llm_output == message.text


def test_a_call_of_another_tool_is_an_answer_where_tools_are_bound():
    """The tool runs first; the object comes in a later turn."""
    message = AIMessage('{"name": "Paris"}', tool_calls=[OTHER])
    assert parser(tool_name=None, may_call_tools=True).invoke(message) is None


def test_plain_text_is_read_too():
    """As from a parser of LangChain's."""
    assert parser().parse('{"name": "Paris"}') == City(name="Paris")


@pytest.mark.parametrize(
    ("message", "found"),
    [
        pytest.param(AIMessage('{"name": "Par'), {"name": "Par"}, id="message"),
        pytest.param(AIMessageChunk('{"name": "Par'), {"name": "Par"}, id="chunk"),
        pytest.param(AIMessage("Paris it is"), None, id="prose"),
    ],
)
def test_half_an_answer_is_read_as_far_as_it_goes(message, found):
    """LangChain's parsers are asked so while a stream is still running."""
    read = parser(target=None).parse_result([ChatGeneration(message=message)], partial=True)
    assert read == found


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_a_message_that_comes_whole_is_one_object_of_a_stream(way):
    """A cached answer, or one of a model that does not stream."""
    chain = RunnableLambda(lambda _: AIMessage('{"name": "Paris"}')) | parser()
    found = chain.stream("") if way == "sync" else [each async for each in chain.astream("")]
    assert list(found) == [City(name="Paris")]


def test_a_stream_of_nothing_gives_nothing():
    """There is no message that could be said to hold no answer."""
    assert list(parser().transform(iter([]))) == []


@pytest.mark.parametrize(
    ("schema", "settings", "words"),
    [
        pytest.param(None, {}, "needs a `schema`; only json_mode", id="no-schema"),
        pytest.param(
            City, {"tools": [City]}, '`tools` go with `method="json_schema"`', id="tools-and-calls"
        ),
    ],
)
def test_what_does_not_go_together_is_refused(schema, settings, words):
    """Before anything is bound."""
    with pytest.raises(ValueError, match=words):
        model().with_structured_output(schema, method="function_calling", **settings)


def test_json_mode_goes_without_a_schema(gateway_server):
    """Any object is an answer, and no schema is put into words."""
    server = gateway_server("dashscope")
    server.script(Reply(text='{"name": "Paris"}'))
    where = {"base_url": server.base_url, "api_key": server.key, "enable_thinking": False}
    bound = ChatQwen36(gateway="dashscope", **where).with_structured_output(method="json_mode")
    found = bound.invoke("A city, as JSON")
    (body,) = server.bodies
    assert found == PARIS
    assert body["response_format"] == {"type": "json_object"}
    assert [message["content"] for message in body["messages"]] == ["A city, as JSON"]
