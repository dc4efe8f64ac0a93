"""A refusal is a content block in every style, and an error of structured output."""

from __future__ import annotations

from typing import Any

import pytest
from answers import chunk, completion, read
from langchain_core import exceptions
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration

from langchain_qwen36._model.output_parser import StructuredOutputParser
from langchain_qwen36._response.refusals import refusal_block

BLOCK = {"type": "refusal", "refusal": "I cannot help."}
STREAM = [chunk({"refusal": "I cannot "}), chunk({"refusal": "help."}), chunk(finish="stop")]
WHOLE = [completion({"content": None, "refusal": "I cannot help."})]
PARTS = [completion({"content": [BLOCK]})]


@pytest.mark.parametrize("payloads", [STREAM, WHOLE, PARTS], ids=["streamed", "whole", "part"])
@pytest.mark.parametrize("style", ["invoke", "merged", "v3"])
def test_a_refusal_is_a_content_block(payloads: list[dict], style: str) -> None:
    """Every call style shows LangChain's refusal block, and the reason in core's word."""
    message = getattr(read(payloads), style)
    blocks = [{key: block[key] for key in BLOCK} for block in message.content_blocks]
    assert blocks == [BLOCK]
    assert message.response_metadata["normalized_finish_reason"] == "refusal"


REFUSED = pytest.mark.parametrize(
    "message",
    [
        pytest.param(AIMessage("", additional_kwargs={"refusal": "no"}), id="refusal"),
        pytest.param(AIMessage([{"type": "refusal", "refusal": "no"}]), id="block"),
        pytest.param(
            AIMessage('{"a', response_metadata={"finish_reason": "content_filter"}), id="filter"
        ),
    ],
)


def test_other_blocks_are_no_refusal() -> None:
    """A list of text blocks without a refusal among them is an answer."""
    blocks = ["a", {"type": "text", "text": "b"}]
    assert refusal_block(AIMessage(blocks)) is None


def parse(message: AIMessage) -> Any:
    """Read a message's structured output."""
    return StructuredOutputParser(target=None).parse_result([ChatGeneration(message=message)])


@pytest.mark.skipif(
    not hasattr(exceptions, "ModelRefusalError"), reason="from langchain-core 1.7.5 on"
)
@REFUSED
def test_structured_output_raises_cores_error(message: AIMessage) -> None:
    """A refusal or a content filter is no parsing error; the message is in the exception."""
    with pytest.raises(exceptions.ModelRefusalError) as caught:
        parse(message)
    assert caught.value.raw_message == message


@REFUSED
def test_an_older_core_raises_a_parsing_error(
    message: AIMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before langchain-core 1.7.5 a refusal raises the error that structured output had."""
    monkeypatch.delattr(exceptions, "ModelRefusalError", raising=False)
    with pytest.raises(OutputParserException, match="The model refused: "):
        parse(message)
