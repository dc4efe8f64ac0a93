"""LangChain's messages into the wire's: roles, their order, and which thoughts go back.

The order is checked here because a wrong one comes back as an HTTP 500 or a 400 that names
nothing (dashscope.md §4.3): one system message first where the row wants it (P08), tool results
right behind their calls, and a user or a tool at the end (P61).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_qwen36._content.history import first_replayed
from langchain_qwen36._content.messages import is_block, tool_calls_of
from langchain_qwen36._content.source import replace_lone_surrogates
from langchain_qwen36._request.assistant import (
    content_to_wire,
    reasoning_to_wire,
    visual_parts,
)
from langchain_qwen36._request.content_parts import part_to_wire, text_content, user_content
from langchain_qwen36._request.media_limits import MediaTarget, Part
from langchain_qwen36._request.media_parts import uploaded_file
from langchain_qwen36.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage

    from langchain_qwen36._content.history import Replay
    from langchain_qwen36.catalog import Model
    from langchain_qwen36.gateways import Gateway

Wire = dict[str, Any]


class _Open(NamedTuple):
    """A call that waits for its result."""

    said: str
    """The id as the history has it."""
    wire: str
    """The id as it goes out."""
    name: str
    broken: bool


def to_wire(
    messages: Sequence[BaseMessage],
    gateway: Gateway,
    *,
    replay: Replay = "tool_loop",
    foreign_thoughts: bool = False,
    model: Model | None = None,
    force: bool = False,
) -> list[Wire]:
    """Messages as the gateway takes them; the caller's are not touched.

    Args:
        messages: The conversation.
        gateway: The row whose dialect is spoken.
        replay: Which assistant messages carry their thoughts: those since the last user message,
            all, or none.
        foreign_thoughts: Whether thoughts of another provider's model go too (P60).
        model: The catalogue's row, to refuse what the model cannot see.
        force: Whether it is sent all the same.

    Raises:
        MessageError: a message, a block or an order that cannot be said on the wire.
    """
    if not messages:
        raise MessageError("There are no messages to send.")
    writer = _Writer(MediaTarget(gateway, model, force), foreign=foreign_thoughts)
    first = first_replayed(messages, replay)
    for number, message in enumerate(messages):
        writer.add(message, number=number, replayed=number >= first)
    return writer.end()


class _Writer:
    """The messages written so far, and what waits to be written behind them."""

    def __init__(self, target: MediaTarget, *, foreign: bool) -> None:
        self._target = target
        self._row = target.gateway
        self._foreign = foreign
        self._out: list[Wire] = []
        self._system: list[Wire] = []
        self._files: list[Wire] = []
        self._open: list[_Open] = []
        self._media: list[Part] = []
        self._prefix = False

    def add(self, message: BaseMessage, *, number: int, replayed: bool) -> None:
        """Write one message.

        Raises:
            MessageError: it cannot be said, or not here.
        """
        match message:
            case HumanMessage():
                self._user(message.content, message.name)
            case AIMessage():
                self._assistant(message, number=number, replayed=replayed)
            case ToolMessage():
                failed = message.status == "error"
                self._result(message.tool_call_id, message.content, failed=failed)
            case SystemMessage():
                self._system_text(message.content, message.name)
            case ChatMessage():
                self._by_role(message, number=number, replayed=replayed)
            case _:
                raise MessageError(
                    f"A {type(message).__name__} cannot be sent: use HumanMessage, AIMessage, "
                    "SystemMessage or ToolMessage."
                )

    def end(self) -> list[Wire]:
        """Everything in its order.

        Raises:
            MessageError: calls without results, or an end that no model can answer.
        """
        last = self._last()
        if last and last["role"] == "assistant":
            self._media = []  # pictures of an answer that no question follows
        self._close_tool_results()
        last = self._last()
        if last is None:
            raise MessageError(
                "There is no user message: a system message alone cannot be answered. Send your "
                "question as a HumanMessage."
            )
        if last["role"] == "assistant":
            self._mark_prefill(last)
        return [*_folded(self._system), *self._files, *self._out]

    def _last(self) -> Wire | None:
        return next((m for m in reversed(self._out) if m["role"] != "system"), None)

    def _user(self, content: Any, name: str | None) -> None:
        if isinstance(content, str):
            self._close_tool_results()
            self._say("user", replace_lone_surrogates(content), name)
            return
        if not isinstance(content, list):
            raise MessageError(f"A user message has no content that can be sent: {content!r}.")
        results = [block for block in content if is_block(block, "tool_result")]
        for block in results:
            self._result(
                block.get("tool_use_id") or "",
                block.get("content") or "",
                failed=bool(block.get("is_error")),
            )
        uploads = [file for block in content if (file := uploaded_file(block, self._row))]
        self._files += [{"role": "system", "content": file} for file in uploads]
        rest = [
            block
            for block in content
            if not is_block(block, "tool_result") and not uploaded_file(block, self._row)
        ]
        if rest or not (results or uploads):
            self._close_tool_results()
            self._say("user", user_content(rest, self._target), name)

    def _system_text(self, content: Any, name: str | None) -> None:
        wire: Wire = {
            "role": "system",
            "content": text_content(content, self._target, "system"),
        } | ({"name": name} if name else {})
        text = wire["content"]
        if self._row.files == "fileid" and isinstance(text, str) and text.startswith("fileid://"):
            self._files.append(wire)
        elif self._row.one_system_message:
            self._system.append(wire)
        else:
            self._out.append(wire)

    def _assistant(self, message: AIMessage, *, number: int, replayed: bool) -> None:
        self._close_tool_results()
        wire: Wire = {"role": "assistant", "content": content_to_wire(message, self._row)}
        if message.name:
            wire["name"] = message.name
        if replayed:
            wire |= reasoning_to_wire(message, self._row, foreign=self._foreign)
        seen: set[str] = set()
        tool_calls: list[Wire] = []
        for index, call in enumerate(tool_calls_of(message)):
            wire_id = call.id if call.id and call.id not in seen else f"call_{number}_{index}"
            seen.add(wire_id)
            self._open.append(_Open(call.id, wire_id, call.name, call.broken))
            function = {"name": call.name, "arguments": call.arguments}
            tool_call: Wire = {"id": wire_id, "type": "function", "function": function}
            tool_calls.append(tool_call | ({"index": index} if self._row.tool_call_index else {}))
        if tool_calls:
            wire["tool_calls"] = tool_calls
        self._prefix = bool(message.additional_kwargs.get("partial"))
        self._out.append(wire)
        if pictures := visual_parts(message, self._target):
            if self._prefix:
                raise MessageError("A begun answer can only hold text, no image or video.")
            self._defer_media("From the assistant's answer:", pictures)

    def _result(self, call_id: str, content: Any, *, failed: bool) -> None:
        """A tool's result behind its call; what is not text waits for the user message (P53)."""
        call = next((call for call in self._open if call.said == call_id), None)
        if call is None:
            raise MessageError(
                f"A ToolMessage answers {call_id!r}, but no such call waits right before it: keep "
                "the AIMessage with that tool call, once, in front of its results."
            )
        self._open.remove(call)
        parts: list[Part] = []
        if isinstance(content, list):
            parts = [part_to_wire(block, self._target) for block in content]
            content = [part for part in parts if part["type"] == "text"]
        said = text_content(content, self._target, "tool")
        if media := [part for part in parts if part["type"] != "text"]:
            self._defer_media(f"From the result of `{call.name}`:", media)
            said = said or "The result is in the next user message."
        if failed and isinstance(said, str) and "error" not in said.lower():
            said = f"Error: {said}"
        self._out.append({"role": "tool", "tool_call_id": call.wire, "content": said})

    def _defer_media(self, whence: str, media: Sequence[Part]) -> None:
        """Let what only a user may show wait for the next user message."""
        self._media += [{"type": "text", "text": whence}, *media]

    def _by_role(self, message: ChatMessage, *, number: int, replayed: bool) -> None:
        match message.role:
            case "user" | "human":
                self._user(message.content, message.name)
            case "system" | "developer":
                self._system_text(message.content, message.name)
            case "assistant" | "ai":
                said = AIMessage(
                    content=message.content,
                    additional_kwargs=message.additional_kwargs,
                    name=message.name,
                )
                self._assistant(said, number=number, replayed=replayed)
            case role:
                raise MessageError(
                    f"A ChatMessage of role {role!r} cannot be sent: the roles are user, "
                    "assistant, system and developer; a tool's result is a ToolMessage."
                )

    def _say(self, role: str, content: str | list[Part], name: str | None) -> None:
        wire: Wire = {"role": role, "content": content}
        if name:
            wire["name"] = name
        self._out.append(wire)

    def _close_tool_results(self) -> None:
        """Close the tool results before another message.

        Raises:
            MessageError: a call has no result.
        """
        if waiting := [call for call in self._open if not call.broken]:
            names = ", ".join(f"{call.said!r} ({call.name})" for call in waiting)
            raise MessageError(
                f"No ToolMessage answers the tool call {names}: add one for each call right "
                "behind its AIMessage, or take the call out of the history."
            )
        if self._open:
            self._drop_unanswered_broken_calls()
        if self._media:
            self._say("user", self._media, None)
            self._media = []

    def _drop_unanswered_broken_calls(self) -> None:
        """Take out broken calls that nobody answered: they were never run (P17)."""
        dropped = {call.wire for call in self._open}
        asked = next(m for m in reversed(self._out) if m["role"] == "assistant")
        asked["tool_calls"] = [c for c in asked["tool_calls"] if c["id"] not in dropped]
        if not asked["tool_calls"]:
            del asked["tool_calls"]
        self._open = []

    def _mark_prefill(self, last: Wire) -> None:
        """Mark the begun answer at the end.

        Raises:
            MessageError: it is not marked as one, or the gateway continues none.
        """
        row = self._row
        if not self._prefix:
            raise MessageError(
                "The last message is the assistant's: add a HumanMessage, or set "
                '`additional_kwargs={"partial": True}` on it to have it continued.'
            )
        match row.prefill:
            case "partial" | "partial_unless_thinking":
                last["partial"] = True
            case "bare" | "bare_unless_thinking":
                pass
            case "unsupported":
                raise MessageError(
                    f"`gateway={row.name!r}` does not continue a begun answer: end with a "
                    "HumanMessage."
                )
            case never:
                assert_never(never)


def _folded(system: list[Wire]) -> list[Wire]:
    """All system messages as one (P08); a single one stays as it is."""
    if len(system) < 2:  # noqa: PLR2004
        return system
    contents = [message["content"] for message in system]
    if all(isinstance(content, str) for content in contents):
        return [{**system[0], "content": "\n\n".join(contents)}]
    parts: list[Part] = []
    for content in contents:
        new = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if parts and new:
            new = [{**new[0], "text": "\n\n" + new[0]["text"]}, *new[1:]]
        parts += new
    return [{**system[0], "content": parts}]
