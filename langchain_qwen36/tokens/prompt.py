"""Count the tokens of a whole request, written as Qwen's own chat template writes it.

The template is that of Qwen3.5 and 3.6 (`<tools>` with one JSON line a tool, calls as
`<function=…>` blocks). If a gateway adds a system prompt of its own, only the response's usage
shows it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_qwen36._content.history import Replay, first_replayed, replays_reasoning
from langchain_qwen36._content.messages import (
    block_text,
    is_block,
    reasoning_text,
    tool_calls_of,
)
from langchain_qwen36._content.source import source_of
from langchain_qwen36.errors import MessageError
from langchain_qwen36.tokens.media import MAX_PIXELS, has_unknown_size, media_tokens
from langchain_qwen36.tokens.text import count_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_TOOLS_HEAD = "# Tools\n\nYou have access to the following functions:\n\n<tools>"

_ROLES: dict[type, str] = {HumanMessage: "user", AIMessage: "assistant", SystemMessage: "system"}
"""Roles of the common classes, whose messages have no `role`."""

# The text after the tools is the same in every request; recordings show the same 177 tokens.
_TOOLS_TAIL_TOKENS = 177


def count_messages(
    messages: Sequence[BaseMessage],
    tools: Sequence[Mapping[str, Any]] | None = None,
    *,
    thinking: bool = True,
    preserve_thinking: bool = False,
    replay: Replay = "tool_loop",
    max_pixels: int = MAX_PIXELS,
    high_resolution: bool = False,
    count: Callable[[str], int] = count_text,
) -> int:
    """Count the input tokens of a request: messages, template, tools, images and videos.

    Args:
        messages: LangChain messages, as they are passed to the model.
        tools: Tools in OpenAI's wire form, as `convert_to_openai_tool` returns them.
        thinking: Whether the call thinks; if not, the prompt ends with an empty `<think></think>`
            block.
        preserve_thinking: The same as `replay="all"`, for reasoning of this package's models.
        replay: Which assistant messages are sent with their reasoning; see `replay_reasoning`.
        max_pixels: Pixels to which the server scales an image down if the block does not say.
        high_resolution: Whether `vl_high_resolution_images` is set.
        count: Counts a text; exact if the extra `tokenizer` is installed.
    """
    text = prompt_text(
        messages, tools, thinking=thinking, preserve_thinking=preserve_thinking, replay=replay
    )
    media = sum(
        media_tokens(block, max_pixels=max_pixels, high_resolution=high_resolution)
        for message in messages
        for block in _blocks(message)
    )
    return count(text) + media + (_TOOLS_TAIL_TOKENS if tools else 0)


def count_unmeasured_media(messages: Sequence[BaseMessage]) -> int:
    """Count the blocks with an image or a video whose size cannot be read before it is sent."""
    return sum(has_unknown_size(block) for message in messages for block in _blocks(message))


def prompt_text(
    messages: Sequence[BaseMessage],
    tools: Sequence[Mapping[str, Any]] | None = None,
    *,
    thinking: bool = True,
    preserve_thinking: bool = False,
    replay: Replay = "tool_loop",
) -> str:
    """Return the prompt as the model's chat template writes it.

    Left out are media and the fixed instructions that the template writes after the tools;
    `count_messages` adds their tokens.
    """
    first = messages[0] if messages else None
    system = _text(first) if isinstance(first, SystemMessage) else ""
    head = "\n\n".join(part for part in (_tools_text(tools or ()), system) if part)
    parts = [_turn("system", head)] if head else []
    rest = range(isinstance(first, SystemMessage), len(messages))
    shown = "all" if preserve_thinking else replay
    parts += _turns(messages, rest, partial(_AssistantWriter, messages, shown, replay == "all"))
    thought = "<think>\n" if thinking else "<think>\n\n</think>\n\n"
    return "".join((*parts, "<|im_start|>assistant\n", thought))


def _turns(
    messages: Sequence[BaseMessage], rest: range, writer: Callable[[], _AssistantWriter]
) -> Iterator[str]:
    """Yield the turns; results of tools that follow each other are one."""
    write: _AssistantWriter | None = None
    results: list[str] = []
    for at in rest:
        message = messages[at]
        if isinstance(message, ToolMessage):
            results.append(_tool_text(message))
            continue
        if results:
            yield _turn("user", "\n".join(results))
            results.clear()
        role = _role(message)
        if role == "assistant":
            write = write or writer()
            yield _turn(role, write(at, message))
        else:
            yield _turn(role, _text(message))
    if results:
        yield _turn("user", "\n".join(results))


class _AssistantWriter:
    """Writes the assistant messages of a history, with the reasoning that is sent back."""

    def __init__(self, messages: Sequence[BaseMessage], replay: Replay, foreign: bool) -> None:
        self._replayed_from = first_replayed(messages, replay)
        self._turn_from = first_replayed(messages, "tool_loop")
        self._foreign = foreign

    def __call__(self, index: int, message: BaseMessage) -> str:
        reasoning = ""
        if index >= self._replayed_from and replays_reasoning(message, foreign=self._foreign):
            reasoning = reasoning_text(message)
        # The template writes empty `<think>` tags if the newest turn has no reasoning.
        in_turn = index >= self._turn_from
        thought = f"<think>\n{reasoning}\n</think>\n\n" if reasoning or in_turn else ""
        answer = _text(message).strip()
        calls = "\n".join(_call_texts(message))
        return thought + answer + ("\n\n" if answer and calls else "") + calls


def _turn(role: str, content: str) -> str:
    return f"<|im_start|>{role}\n{content}<|im_end|>\n"


def _role(message: BaseMessage) -> str:
    if (role := _ROLES.get(type(message))) is not None:
        return role
    own = getattr(message, "role", None)
    if isinstance(message, AIMessage) or own in {"assistant", "ai"}:
        return "assistant"
    is_system = isinstance(message, SystemMessage) or own in {"system", "developer"}
    return "system" if is_system else "user"


def _text(message: BaseMessage) -> str:
    content = message.content
    return content if isinstance(content, str) else "".join(map(_block_text, content or ()))


def _block_text(block: Any) -> str:
    """Return the text of a block, of a document, or of a tool's result in a user message."""
    if (text := block_text(block)) is not None:
        return text
    if is_block(block, "tool_result"):
        content = block.get("content")
        inner = "".join(map(_block_text, content)) if isinstance(content, list) else content
        return f"<tool_response>\n{inner or ''}\n</tool_response>"
    if is_block(block, "file", "document"):
        with suppress(MessageError):
            return source_of(block).text or ""
    return ""


def _blocks(message: BaseMessage) -> Iterable[Mapping[str, Any]]:
    if isinstance(message.content, str):
        return ()
    return [block for block in message.content if isinstance(block, dict)]


def _tools_text(tools: Sequence[Mapping[str, Any]]) -> str:
    if not tools:
        return ""
    lines = (json.dumps(tool, ensure_ascii=False, default=str) for tool in tools)
    return "\n".join((_TOOLS_HEAD, *lines, "</tools>"))


def _call_texts(message: BaseMessage) -> list[str]:
    """Return the tool calls as they are sent; one that cannot be sent counts by its text."""
    if not isinstance(message, AIMessage):
        return []
    try:
        calls = [(call.name, json.loads(call.arguments)) for call in tool_calls_of(message)]
    except (MessageError, ValueError, TypeError, LookupError):
        return [str(call) for call in (*message.tool_calls, *message.invalid_tool_calls)]
    return [_call_text(name, args) for name, args in calls]


def _call_text(name: str, args: Mapping[str, Any]) -> str:
    fields = "".join(
        f"<parameter={key}>\n{_value(value)}\n</parameter>\n" for key, value in args.items()
    )
    return f"<tool_call>\n<function={name}>\n{fields}</function>\n</tool_call>"


def _value(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _tool_text(message: BaseMessage) -> str:
    return f"<tool_response>\n{_text(message)}\n</tool_response>"
