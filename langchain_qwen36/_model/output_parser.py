"""Parse a message into a structured answer: from a tool call or JSON text, or raise an error.

Qwen answers a forced tool call with JSON text at times, fences it, or leaves it in its reasoning;
each is read. A message that holds no answer raises an error that describes what it held instead:
docs/quirks.md#json-in-model-text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.output_parsers.transform import BaseTransformOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.utils.pydantic import is_basemodel_subclass

from langchain_qwen36._content.messages import reasoning_text
from langchain_qwen36._response.model_json import NOT_JSON, find_json, partial_json
from langchain_qwen36._response.refusals import raise_if_refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class StructuredOutputParser(BaseTransformOutputParser[Any]):
    """Parses a message into an object of the schema.

    While streaming, dict schemas yield growing partial objects and pydantic ones every object that
    validates; the end is parsed as strictly as without streaming.
    """

    target: Any
    """A pydantic class, or None for plain objects."""
    tool_name: str | None = None
    """The tool that carries the answer, if one was bound for it."""
    may_call_tools: bool = False
    """Whether a call of another tool is an answer too; it parses to None."""

    def parse(self, text: str) -> Any:
        """Read plain text as the answer."""
        return self.parse_result([ChatGeneration(message=AIMessage(text))])

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Read the first generation.

        Raises:
            OutputParserException: there is no answer in it, or not one of the schema.
            ModelRefusalError: the model refused, or the gateway's content filter cut the answer.
        """
        message = _message(result[0])
        if partial:
            return self._partial(message)
        raise_if_refused(message)
        found = self._find(message)
        if found is None:
            if self.may_call_tools and message.tool_calls:
                return None
            raise OutputParserException(_why_none(message), llm_output=message.text)
        return self._validated(found, message)

    def _find(self, message: AIMessage) -> Any:
        for call in message.tool_calls:
            if call["name"] == self.tool_name:
                return call["args"]
        if message.tool_calls and self.may_call_tools:
            return None
        # What a token limit cut is not closed: that would be another answer than the model's.
        repair = message.response_metadata.get("finish_reason") != "length"
        for text in (str(message.text), reasoning_text(message)):
            if (found := find_json(text, repair=repair)) is not NOT_JSON:
                return found
        return None

    def _validated(self, found: Any, message: AIMessage) -> Any:
        if self.target is None:
            return found
        try:
            return _build(self.target, found)
        except ValueError as error:
            raise OutputParserException(
                f"The answer does not fit {self.target.__name__}: {error}", llm_output=message.text
            ) from error

    def _partial(self, message: AIMessage) -> Any:
        text = str(message.text)
        if isinstance(message, AIMessageChunk):
            pieces = [c["args"] for c in message.tool_call_chunks if c["name"] == self.tool_name]
            text = next((piece for piece in pieces if piece), text)
        found = partial_json(text)
        if found is NOT_JSON:
            return None
        try:
            return found if self.target is None else _build(self.target, found)
        except ValueError:
            return None

    def _transform(self, input: Iterator[str | BaseMessage]) -> Iterator[Any]:  # noqa: A002
        state = _Accumulator(self)
        for piece in input:
            yield from state.add(piece)
        yield from state.end()

    async def _atransform(
        self,
        input: AsyncIterator[str | BaseMessage],  # noqa: A002
    ) -> AsyncIterator[Any]:
        state = _Accumulator(self)
        async for piece in input:
            for parsed in state.add(piece):
                yield parsed
        for parsed in state.end():
            yield parsed


class _Accumulator:
    """The text streamed so far, and the last object that was yielded."""

    def __init__(self, parser: StructuredOutputParser) -> None:
        self._parser = parser
        self._message: Any = None
        self._last: Any = None

    def add(self, piece: str | BaseMessage) -> Iterator[Any]:
        chunk = AIMessageChunk(content=piece) if isinstance(piece, str) else piece
        self._message = chunk if self._message is None else self._message + chunk
        if isinstance(chunk, AIMessageChunk):
            parsed = self._parser.parse_result(
                [ChatGeneration(message=self._message)], partial=True
            )
            yield from self._new(parsed)

    def end(self) -> Iterator[Any]:
        if self._message is not None:
            yield from self._new(self._parser.parse_result([ChatGeneration(message=self._message)]))

    def _new(self, parsed: Any) -> Iterator[Any]:
        if parsed is not None and parsed != self._last:
            self._last = parsed
            yield parsed


def target_of(schema: Any) -> Any:
    """Return the pydantic class to build, or None if a plain object is the answer."""
    return schema if isinstance(schema, type) and is_basemodel_subclass(schema) else None


def _message(generation: Generation) -> AIMessage:
    message = generation.message if isinstance(generation, ChatGeneration) else None
    return message if isinstance(message, AIMessage) else AIMessage(generation.text)


def _build(target: Any, found: Any) -> Any:
    validate = (
        getattr(target, "model_validate", None) or target.parse_obj
    )  # pydantic 1 has no other
    return validate(found)


def _why_none(message: AIMessage) -> str:
    finish = message.response_metadata.get("finish_reason")
    if message.invalid_tool_calls:
        cut = " (cut by the token limit: raise `max_tokens`)" if finish == "length" else ""
        return f"The call that carries the answer has broken arguments{cut}."
    if message.text:
        return "The answer is neither a call of the schema's tool nor JSON."
    if reasoning_text(message):
        return (
            f"The answer was all thinking (finish_reason {finish!r}): raise `max_tokens`, set "
            "`thinking_budget`, or pass `enable_thinking=False`."
        )
    return f"The answer is empty (finish_reason {finish!r})."
