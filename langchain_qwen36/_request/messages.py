"""Convert LangChain messages to Chat Completions messages: roles, order, and replayed reasoning.

The order is fixed here because a wrong one comes back as an HTTP 500, or as a 400 that names
nothing: one system message first if the gateway wants it, tool results right behind their calls, a
user message somewhere, and a user or a tool at the end. `HistoryPolicy` adapts other orders that
LangChain's own libraries write. See docs/quirks.md#histories-that-no-server-takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

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
from langchain_qwen36._content.tool_names import legal_message_name
from langchain_qwen36._request.assistant_messages import (
    content_to_wire,
    reasoning_to_wire,
    visual_parts,
)
from langchain_qwen36._request.content_parts import part_to_wire, text_content, user_content
from langchain_qwen36._request.history_policy import HistoryPolicy
from langchain_qwen36._request.media_limits import MediaTarget, Part
from langchain_qwen36._request.media_parts import uploaded_file
from langchain_qwen36._request.sent_tool_names import ToolNames
from langchain_qwen36._request.tool_results import PendingCall, ToolResults
from langchain_qwen36.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage

    from langchain_qwen36._content.history import Replay
    from langchain_qwen36._content.messages import HistoryToolCall
    from langchain_qwen36.catalog import Model
    from langchain_qwen36.gateways import Gateway

Wire = dict[str, Any]

CONTINUE = "Continue."
"""The user message that is added if the history has none, or ends with the assistant."""


def to_wire(
    messages: Sequence[BaseMessage],
    gateway: Gateway,
    *,
    replay: Replay = "tool_loop",
    foreign_thoughts: bool = False,
    model: Model | None = None,
    force: bool = False,
    names: ToolNames | None = None,
) -> list[Wire]:
    """Convert messages to wire form; the caller's are not changed.

    Args:
        messages: The conversation.
        gateway: The gateway's row.
        replay: Which assistant messages carry their reasoning: those since the last user message,
            all, or none.
        foreign_thoughts: Whether to send the reasoning of another provider's model, too.
        model: The catalogue's row of the model, to refuse media that the model cannot read.
        force: Whether to send such media all the same.
        names: The names under which the bound tools are sent, with the policy for an order that no
            server takes.

    Raises:
        MessageError: a message, a block or an order that cannot be sent.
    """
    if not messages:
        raise MessageError("There are no messages to send.")
    names = names or ToolNames((), gateway, HistoryPolicy())
    writer = _Writer(MediaTarget(gateway, model, force), names, foreign=foreign_thoughts)
    first = first_replayed(messages, replay)
    for number, message in enumerate(messages):
        try:
            writer.add(message, number=number, replayed=number >= first)
        except MessageError:
            raise
        except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
            raise MessageError(
                f"Message {number} ({type(message).__name__}) holds a value that cannot be sent: "
                f"{type(error).__name__}: {str(error)[:200]}"
            ) from error
    return writer.end()


class _Writer:
    """The messages written so far, and the parts that are to be written after them."""

    def __init__(self, target: MediaTarget, names: ToolNames, *, foreign: bool) -> None:
        self._target = target
        self._gateway = target.gateway
        self._policy = names.policy
        self._names = names
        self._foreign = foreign
        self._out: list[Wire] = []
        self._system: list[Wire] = []
        self._files: list[Wire] = []
        self._results = ToolResults(names.policy)
        self._results_at = 0
        """The index in `_out` at which the results of the newest assistant message go."""
        self._media: list[Part] = []
        self._prefix = False

    def add(self, message: BaseMessage, *, number: int, replayed: bool) -> None:
        """Write one message.

        Raises:
            MessageError: the message cannot be sent, or not at this position.
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
        """Return all messages in their order.

        Raises:
            MessageError: no server takes the order, and the policy is strict.
        """
        self._insert_results()
        last = next((m for m in reversed(self._out) if m["role"] != "system"), None)
        if last is None:
            return self._only_system()
        if last["role"] != "assistant":
            self._write_media()
        elif self._prefix:
            self._mark_prefill(last)
        else:
            self._add_last_user_message()
        if not any(message["role"] == "user" for message in self._out):
            self._add_first_user_message()
        return [*_folded(self._system), *self._files, *self._out]

    def _only_system(self) -> list[Wire]:
        """Send the last system message as the user's: no server answers system messages alone."""
        error = (
            "There is no user message: a system message alone cannot be answered. Send your "
            "question as a HumanMessage."
        )
        system = [*self._system, *self._out]
        if not system:
            raise MessageError(error)
        self._policy.adapt(
            "system_message",
            "There was no user message: the last system message was sent as the user's.",
            error=error,
        )
        *rest, last = system
        rest = _folded(rest) if self._gateway.one_system_message else rest
        return [*rest, *self._files, {**last, "role": "user"}]

    def _add_last_user_message(self) -> None:
        self._policy.adapt(
            "last_message",
            f"The last message was the assistant's: the user message {CONTINUE!r} was added.",
            error="The last message is the assistant's: add a HumanMessage, or set "
            '`additional_kwargs={"partial": True}` on it to have it continued.',
        )
        self._write_media()
        self._say("user", CONTINUE, None)

    def _add_first_user_message(self) -> None:
        """Put a user message in front: Qwen's chat template refuses a history without one."""
        self._policy.adapt(
            "user_message",
            f"The history has no user message: {CONTINUE!r} was added in front.",
            error="The history has no user message, which Qwen's chat template refuses: keep the "
            "user's question, or put a HumanMessage in front.",
        )
        first = next(n for n, message in enumerate(self._out) if message["role"] != "system")
        self._out.insert(first, {"role": "user", "content": CONTINUE})

    def _user(self, content: Any, name: str | None) -> None:
        if isinstance(content, str):
            self._close_turn()
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
        uploads = [file for block in content if (file := uploaded_file(block, self._gateway))]
        self._files += [{"role": "system", "content": file} for file in uploads]
        rest = [
            block
            for block in content
            if not is_block(block, "tool_result") and not uploaded_file(block, self._gateway)
        ]
        if rest or not (results or uploads):
            self._close_turn()
            self._say("user", user_content(rest, self._target), name)

    def _system_text(self, content: Any, name: str | None) -> None:
        text = text_content(content, self._target, "system")
        if isinstance(text, str) and not text.strip():
            return  # LM Studio refuses an empty message, and folding it would add only line breaks
        wire = self._named({"role": "system", "content": text}, name)
        if (
            self._gateway.files == "fileid"
            and isinstance(text, str)
            and text.startswith("fileid://")
        ):
            self._files.append(wire)
        elif self._gateway.one_system_message:
            self._system.append(wire)
        else:
            self._out.append(wire)

    def _assistant(self, message: AIMessage, *, number: int, replayed: bool) -> None:
        self._close_turn()
        content = content_to_wire(message, self._gateway, self._policy)
        wire = self._named({"role": "assistant", "content": content}, message.name)
        if replayed:
            wire |= reasoning_to_wire(message, self._gateway, foreign=self._foreign)
        self._prefix = bool(message.additional_kwargs.get("partial"))
        self._out.append(wire)
        self._tool_calls(message, wire, number)
        if pictures := visual_parts(message, self._target):
            if self._prefix:
                raise MessageError("A begun answer can only hold text, no image or video.")
            self._defer_media("From the assistant's answer:", pictures)

    def _tool_calls(self, message: AIMessage, wire: Wire, number: int) -> None:
        pending: list[PendingCall] = []
        tool_calls: list[Wire] = []
        for index, call in enumerate(tool_calls_of(message)):
            taken = {other.wire_id for other in pending}
            wire_id = call.id if call.id and call.id not in taken else f"call_{number}_{index}"
            pending.append(PendingCall(call.id, wire_id, call.name, call.broken))
            function = {"name": self._names.sent(call.name), "arguments": call.arguments}
            tool_call: Wire = {"id": wire_id, "type": "function", "function": function}
            if self._gateway.tool_call_index:
                tool_call["index"] = index
            tool_calls.append(tool_call)
            if call.not_finite:
                self._adapt_not_finite(call, by_model=bool(message.response_metadata))
        if tool_calls:
            wire["tool_calls"] = tool_calls
            self._results.open(wire, pending)
            self._results_at = len(self._out)

    def _adapt_not_finite(self, call: HistoryToolCall, *, by_model: bool) -> None:
        """Refuse a program's NaN; what a model wrote is sent as null, or its thread would end."""
        error = (
            f"In the arguments of the tool call `{call.name}`, {call.not_finite}, which JSON does "
            "not have: use None, or leave it out."
        )
        if not by_model:
            raise MessageError(error)
        note = f"In the arguments of `{call.name}`, {call.not_finite}: null was sent."
        self._policy.adapt("tool_arguments", note, error=error)

    def _result(self, call_id: str, content: Any, *, failed: bool) -> None:
        """Add a tool's result; images and other media in it go to the next user message."""
        call = self._results.claim(call_id)
        parts: list[Part] = []
        if isinstance(content, list):
            parts = [part_to_wire(block, self._target) for block in content]
            content = [part for part in parts if part["type"] == "text"]
        text = text_content(content, self._target, "tool")
        if media := [part for part in parts if part["type"] != "text"]:
            self._defer_media(f"From the result of `{call.name}`:", media)
            text = text or "The result is in the next user message."
        if failed and isinstance(text, str) and "error" not in text.lower():
            text = f"Error: {text}"
        self._results.add(call, text)

    def _defer_media(self, whence: str, media: Sequence[Part]) -> None:
        """Keep media, which only a user message may hold, for the next user message."""
        self._media += [{"type": "text", "text": whence}, *media]

    def _by_role(self, message: ChatMessage, *, number: int, replayed: bool) -> None:
        match message.role:
            case "user" | "human":
                self._user(message.content, message.name)
            case "system" | "developer":
                self._system_text(message.content, message.name)
            case "assistant" | "ai":
                assistant = AIMessage(
                    content=message.content,
                    additional_kwargs=message.additional_kwargs,
                    name=message.name,
                )
                self._assistant(assistant, number=number, replayed=replayed)
            case role:
                raise MessageError(
                    f"A ChatMessage of role {role!r} cannot be sent: the roles are user, "
                    "assistant, system and developer; a tool's result is a ToolMessage."
                )

    def _say(self, role: str, content: str | list[Part], name: str | None) -> None:
        self._out.append(self._named({"role": role, "content": content}, name))

    def _named(self, wire: Wire, name: str | None) -> Wire:
        """Add the message's name in the form that servers accept."""
        if not name:
            return wire
        legal = legal_message_name(name)
        if legal != name:
            self._policy.adapt(
                "message_names", f"The name {name!r} of a message was sent as {legal!r}."
            )
        return {**wire, "name": legal} if legal else wire

    def _close_turn(self) -> None:
        """Write the tool results and the parts kept for after them, before another message."""
        if self._results.pending:
            self._insert_results()
        if self._media:
            self._write_media()

    def _insert_results(self) -> None:
        self._out[self._results_at : self._results_at] = self._results.close()

    def _write_media(self) -> None:
        if self._media:
            self._say("user", self._media, None)
            self._media = []

    def _mark_prefill(self, last: Wire) -> None:
        """Mark an unfinished answer at the end for the gateway to continue.

        Raises:
            MessageError: the gateway continues no answer.
        """
        match self._gateway.prefill:
            case "partial" | "partial_unless_thinking":
                last["partial"] = True
            case "bare" | "bare_unless_thinking":
                pass
            case "unsupported":
                raise MessageError(
                    f"`gateway={self._gateway.name!r}` does not continue a begun answer: end with "
                    "a HumanMessage."
                )
            case never:
                assert_never(never)


def _folded(system: list[Wire]) -> list[Wire]:
    """Join all system messages to one; a single one stays as it is."""
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
