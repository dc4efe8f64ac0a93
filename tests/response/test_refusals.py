"""A refusal is a content block in every style, and an error of structured output."""

from __future__ import annotations

import pytest
from answers import chunk, completion, read
from langchain_core.exceptions import ModelRefusalError
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration

from langchain_qwen36._model.output_parser import StructuredOutputParser

BLOCK = {"type": "refusal", "refusal": "I cannot help."}
STREAM = [chunk({"refusal": "I cannot "}), chunk({"refusal": "help."}), chunk(finish="stop")]
WHOLE = [completion({"content": None, "refusal": "I cannot help."})]


@pytest.mark.parametrize("payloads", [STREAM, WHOLE], ids=["streamed", "whole"])
@pytest.mark.parametrize("style", ["invoke", "merged", "v3"])
def test_a_refusal_is_a_content_block(payloads: list[dict], style: str) -> None:
    """Every call style shows LangChain's refusal block, and the reason in core's word."""
    message = getattr(read(payloads), style)
    blocks = [{key: block[key] for key in BLOCK} for block in message.content_blocks]
    assert blocks == [BLOCK]
    assert message.response_metadata["normalized_finish_reason"] == "refusal"


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(AIMessage("", additional_kwargs={"refusal": "no"}), id="refusal"),
        pytest.param(AIMessage([{"type": "refusal", "refusal": "no"}]), id="block"),
        pytest.param(
            AIMessage('{"a', response_metadata={"finish_reason": "content_filter"}), id="filter"
        ),
    ],
)
def test_structured_output_raises_cores_error(message: AIMessage) -> None:
    """A refusal or a content filter is no parsing error; the message is in the exception."""
    parser = StructuredOutputParser(target=None)
    with pytest.raises(ModelRefusalError) as caught:
        parser.parse_result([ChatGeneration(message=message)])
    assert caught.value.raw_message == message
