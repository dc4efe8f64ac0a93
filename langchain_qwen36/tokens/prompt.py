"""Tokens of a whole request: the messages and tools as Qwen's own chat template writes them.

The text is the one that Qwen3.5 and 3.6 share (`<tools>` with one JSON line a tool, calls as
`<function=…>` blocks). Gateways that add a system prompt of their own show it only in the usage
that comes back: that is what `Calibration` is for.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage

from langchain_qwen36.tokens.media import MAX_PIXELS, has_unknown_size, media_tokens
from langchain_qwen36.tokens.text import count_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_TOOLS_HEAD = "# Tools\n\nYou have access to the following functions:\n\n<tools>"

# What follows the tools is the same in every request; recordings show the same 177.
_TOOLS_TAIL_TOKENS = 177


def count_messages(
    messages: Sequence[BaseMessage],
    tools: Sequence[Mapping[str, Any]] | None = None,
    *,
    thinking: bool = True,
    preserve_thinking: bool = False,
    max_pixels: int = MAX_PIXELS,
    high_resolution: bool = False,
    count: Callable[[str], int] = count_text,
) -> int:
    """Input tokens of a request, the template's overhead, tools, images and videos included.

    Args:
        messages: LangChain messages, as they are handed to the model.
        tools: Tools in OpenAI's wire form, as `convert_to_openai_tool` gives them.
        thinking: Whether the call thinks; without thinking the prompt ends in an empty thought.
        preserve_thinking: Whether earlier turns keep their reasoning. Without it only the turns
            since the last question do.
        max_pixels: What the server scales an image down to where the block does not say.
        high_resolution: Whether `vl_high_resolution_images` is set.
        count: Counts a text; exact where the extra `tokenizer` is installed.
    """
    text = prompt_text(messages, tools, thinking=thinking, preserve_thinking=preserve_thinking)
    media = sum(
        media_tokens(block, max_pixels=max_pixels, high_resolution=high_resolution)
        for message in messages
        for block in _blocks(message)
    )
    return count(text) + media + (_TOOLS_TAIL_TOKENS if tools else 0)


def count_unmeasured_media(messages: Sequence[BaseMessage]) -> int:
    """How many blocks hold an image or a video whose size nobody can read before it is sent."""
    return sum(has_unknown_size(block) for message in messages for block in _blocks(message))


def prompt_text(
    messages: Sequence[BaseMessage],
    tools: Sequence[Mapping[str, Any]] | None = None,
    *,
    thinking: bool = True,
    preserve_thinking: bool = False,
) -> str:
    """The prompt as the template writes it, without media and the fixed text after the tools."""
    first = messages[0] if messages else None
    system = _text(first) if isinstance(first, SystemMessage) else ""
    rest = messages[1:] if isinstance(first, SystemMessage) else messages
    head = "\n\n".join(part for part in (_tools_text(tools or ()), system) if part)
    parts = [_turn("system", head)] if head else []
    question = -1 if preserve_thinking else _last_question(rest)
    turns = ((at, message) for at, message in enumerate(rest))
    for is_tool, group in groupby(turns, key=lambda turn: isinstance(turn[1], ToolMessage)):
        if is_tool:
            parts.append(_turn("user", "\n".join(_tool_text(message) for _, message in group)))
        else:
            parts += [_turn(*_plain(message, reasons=at > question)) for at, message in group]
    thought = "<think>\n" if thinking else "<think>\n\n</think>\n\n"
    return "".join((*parts, "<|im_start|>assistant\n", thought))


def _turn(role: str, content: str) -> str:
    return f"<|im_start|>{role}\n{content}<|im_end|>\n"


def _plain(message: BaseMessage, *, reasons: bool) -> tuple[str, str]:
    """Role and content of a message that is no tool's."""
    if not isinstance(message, AIMessage):
        return ("system" if isinstance(message, SystemMessage) else "user"), _text(message)
    thought = f"<think>\n{_reasoning(message)}\n</think>\n\n" if reasons else ""
    answer = _text(message).strip()
    calls = "\n".join(_call_text(call["name"], call["args"]) for call in message.tool_calls)
    return "assistant", thought + answer + ("\n\n" if answer and calls else "") + calls


def _last_question(messages: Sequence[BaseMessage]) -> int:
    """Where the last message stands that is neither an answer nor a tool's."""
    return max(
        (n for n, m in enumerate(messages) if not isinstance(m, AIMessage | ToolMessage)),
        default=-1,
    )


def _text(message: BaseMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    return "".join(
        block if isinstance(block, str) else str(block.get("text") or "")
        for block in message.content
        if isinstance(block, str) or block.get("type") == "text"
    )


def _reasoning(message: AIMessage) -> str:
    """Reasoning text, where this package and LangChain's standard blocks keep it."""
    kept = message.additional_kwargs.get("reasoning_content")
    if isinstance(kept, str):
        return kept
    return "".join(
        str(block.get("reasoning") or "")
        for block in _blocks(message)
        if block.get("type") == "reasoning"
    )


def _blocks(message: BaseMessage) -> Iterable[Mapping[str, Any]]:
    if isinstance(message.content, str):
        return ()
    return [block for block in message.content if isinstance(block, dict)]


def _tools_text(tools: Sequence[Mapping[str, Any]]) -> str:
    if not tools:
        return ""
    lines = (json.dumps(tool, ensure_ascii=False, default=str) for tool in tools)
    return "\n".join((_TOOLS_HEAD, *lines, "</tools>"))


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
