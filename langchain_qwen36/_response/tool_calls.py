"""Assemble tool calls from deltas, whatever a server does with ids, indexes, names, arguments.

Deltas carry our own numbers from 0; id and name are sent once. What was sent is never taken back:
arguments that may still be replaced are held back until the answer ends
(docs/quirks.md#arguments-sent-as-snapshots).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from langchain_core.messages.tool import invalid_tool_call, tool_call

from langchain_qwen36._content.tool_names import match_tool_name
from langchain_qwen36._response.arguments import (
    Arguments,
    as_object,
    decode_arguments,
    unrepairable_suffix,
)
from langchain_qwen36._response.delta import Delta

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from langchain_core.messages import InvalidToolCall, ToolCall


class _PartialToolCall:
    """One call while it grows."""

    __slots__ = ("arguments", "given_id", "id", "name", "number", "opened", "wire")

    def __init__(self, number: int, wire: int | None, given_id: str | None, own_id: str) -> None:
        self.number = number
        self.wire = wire
        self.given_id = given_id
        self.id = own_id
        self.name = ""
        self.arguments = Arguments()
        # Whether id and name were sent.
        self.opened = False


class FinishedToolCall:
    """A call at the end of an answer: a valid one, or one that must not be run."""

    __slots__ = ("args", "id", "name", "number", "raw", "suffix")

    def __init__(self, call: _PartialToolCall, name: str, *, cut: bool, cut_required: bool) -> None:
        """Read the arguments of a call that is at its end.

        Args:
            call: The call.
            name: The call's name, in the bound tool's spelling.
            cut: Whether the answer ended too early: a call without arguments is then broken.
            cut_required: A required argument is missing because of that.
        """
        self.number = call.number
        self.id = call.id
        self.name = name
        text = call.arguments.text
        raw = text if call.arguments.is_streaming else decode_arguments(text, cut=cut)
        self.args = as_object(raw) if name and not cut_required else None
        self.suffix = "" if self.args is not None else unrepairable_suffix(raw)
        self.raw = raw + self.suffix

    @property
    def block(self) -> ToolCall | InvalidToolCall:
        """The call as a content block."""
        if self.args is not None:
            return tool_call(name=self.name, args=self.args, id=self.id)
        # No error text: core's merged chunks cannot carry one, and all call styles must agree.
        return invalid_tool_call(name=self.name or None, args=self.raw, id=self.id, error=None)


class ToolCallAssembler:
    """Assembles the tool calls of one choice.

    Args:
        used_ids: Ids of the calls of the conversation so far, which no new call may have.
        tools: JSON schema of the parameters of each bound tool, by the name that was sent.
        tool_name: Converts the name that a model wrote to the bound tool's.
    """

    def __init__(
        self,
        used_ids: Collection[str] = (),
        tools: Mapping[str, Mapping[str, Any]] | None = None,
        tool_name: Callable[[str], str] = str,
    ) -> None:
        self._used_ids = used_ids
        self._tools = tools or {}
        self._tool_name = tool_name
        self.cut_by_limit = False
        """Whether `max_tokens` cut the last call, whatever the finish reason says."""
        self._calls: list[_PartialToolCall] = []
        self._by_id: dict[str, _PartialToolCall] = {}
        self._by_wire: dict[int, _PartialToolCall] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def feed(self, entries: Sequence[Any], *, whole: bool = False) -> list[Delta]:
        """Add the `tool_calls` of one delta, or with `whole` those of a finished message."""
        deltas: list[Delta] = []
        for position, entry in enumerate(entries):
            if isinstance(entry, dict):
                index = position if whole or len(entries) > 1 else None
                self._entry(entry, index, whole=whole, deltas=deltas)
        return deltas

    def add(self, name: str, args: str) -> list[Delta]:
        """Add a call that was found elsewhere; its deltas come from `finish`."""
        call = self._new(None, None)
        call.name = name
        deltas: list[Delta] = []
        self._extend(call, args, deltas)
        return deltas

    def finished(self, *, cut: bool, limit_met: bool = False) -> list[FinishedToolCall]:
        """Return the calls as they would be if the answer ended here.

        Args:
            cut: Whether the answer ends too early: a call without arguments is then broken, not
                `{}`.
            limit_met: Whether the answer used up `max_tokens`, whatever the finish reason says.
        """
        last = self._calls[-1] if self._calls else None
        return [
            FinishedToolCall(
                call,
                self._tool_name(call.name),
                cut=cut,
                cut_required=call is last and (cut or limit_met) and self._lacks_required(call),
            )
            for call in self._calls
        ]

    def finish(self, *, cut: bool, limit_met: bool = False) -> list[Delta]:
        """Return the deltas held back, and those that make a broken call invalid in all styles."""
        deltas: list[Delta] = []
        finished = self.finished(cut=cut, limit_met=limit_met)
        self.cut_by_limit = limit_met and any(map(self._lacks_required, self._calls[-1:]))
        for call, end in zip(self._calls, finished, strict=True):
            text = end.suffix if call.arguments.is_streaming else end.raw
            if not call.opened:
                deltas.append(self._opener(call, end.raw))
            elif text:
                deltas.append(Delta("tool_call", 0, text, call.number))
            call.arguments.replace(end.raw)
            call.arguments.is_streaming = True
        return deltas

    def _lacks_required(self, call: _PartialToolCall) -> bool:
        schema = self._tools.get(match_tool_name(call.name, self._tools) or "", {})
        required = schema.get("required")
        args = as_object(decode_arguments(call.arguments.text, cut=False))
        return isinstance(required, list) and args is not None and not set(required) <= set(args)

    def _entry(
        self, entry: dict[str, Any], position: int | None, *, whole: bool, deltas: list[Delta]
    ) -> None:
        function = entry.get("function")
        if not isinstance(function, dict):
            function = entry  # some write name and arguments beside the id
        index = index_in(entry.get("index"))
        wire = position if index is None else index
        given_id = str(entry["id"]) if entry.get("id") not in (None, "") else None
        name = function.get("name")
        name = name if isinstance(name, str) else ""
        args = _as_text(next((function[key] for key in ARGUMENT_KEYS if key in function), None))
        if whole:
            call: _PartialToolCall | None = self._new(wire, given_id)
        else:
            call = self._find(wire, given_id, name, args)
        if call is None:
            if not (given_id or name or args.strip()):
                return
            call = self._new(wire, given_id)
        self._name(call, name)
        if args:
            self._extend(call, args, deltas)

    def _find(
        self, wire: int | None, given_id: str | None, name: str, args: str
    ) -> _PartialToolCall | None:
        """Return the call that a delta continues; None if it opens a new one."""
        last = self._calls[-1] if self._calls else None
        here = last if wire is None else self._by_wire.get(wire)
        if given_id is not None:
            known = self._by_id.get(given_id)
            if known is not None:
                other = known.wire != wire or name != known.name
                return None if name and other and known.arguments.is_complete else known
            if here is None or not _is_amid(here, name, args):
                return None
            return self._identify(here, given_id)
        if name:
            return here if here is not None and _goes_on(here, name, args) else None
        if here is None or (here is not last and here.arguments.is_complete):
            return last
        return here

    def _own_id(self, given_id: str | None) -> str:
        if given_id is None or given_id in self._by_id or given_id in self._used_ids:
            return f"call_{uuid4().hex}"
        return given_id

    def _identify(self, call: _PartialToolCall, given_id: str) -> _PartialToolCall:
        """Store a late id; if every delta has a new one, the first stays."""
        if call.given_id is None:
            if not call.opened:
                call.id = self._own_id(given_id)
            call.given_id = given_id
            self._by_id[given_id] = call
        return call

    def _new(self, wire: int | None, given_id: str | None) -> _PartialToolCall:
        own_id = self._own_id(given_id)
        call = _PartialToolCall(len(self._calls), wire, given_id, own_id)
        self._calls.append(call)
        if given_id is not None:
            self._by_id[given_id] = call
        if wire is not None:
            self._by_wire[wire] = call
        return call

    def _name(self, call: _PartialToolCall, name: str) -> None:
        """Store a name: repeats are ignored, a longer spelling replaces, a fragment is appended.

        See docs/quirks.md#repeated-tool-names.
        """
        if call.opened or not name or name == call.name:
            return
        call.name = name if name.startswith(call.name) else call.name + name

    def _extend(self, call: _PartialToolCall, args: str, deltas: list[Delta]) -> None:
        new = call.arguments.add(args)
        if not call.name or (not new and (call.opened or not call.arguments.is_object)):
            return
        # Earlier calls must be opened first, or merged chunks would change the order.
        deltas += [
            self._opener(earlier, "")
            for earlier in self._calls[: call.number]
            if not earlier.opened
        ]
        if call.opened:
            deltas.append(Delta("tool_call", 0, new, call.number))
        else:
            whole = call.arguments.text if call.arguments.is_streaming else new
            deltas.append(self._opener(call, whole))

    def _opener(self, call: _PartialToolCall, args: str) -> Delta:
        call.opened = True
        name = self._tool_name(call.name)
        return Delta("tool_call", 0, args, call.number, call.id, name or None)


def _is_amid(call: _PartialToolCall, name: str, args: str) -> bool:
    """Return whether a delta with another id than the call at its index is a piece of that call.

    Some servers give each delta a new id, vLLM also the name again, where a tool was forced.
    """
    if not name:
        return not (call.given_id and call.arguments.is_complete)
    if name != call.name or not args.strip() or call.arguments.is_complete:
        return False
    return call.arguments.is_object or as_object(args) is None


def _goes_on(call: _PartialToolCall, name: str, args: str) -> bool:
    """Return whether a named delta without an id continues the call at its index."""
    if not call.name:
        return True
    if call.arguments.is_complete:
        return call.name == name and (not args.strip() or call.arguments.is_outgrown_by(args))
    return call.arguments.is_empty or call.name == name or name.startswith(call.name)


ARGUMENT_KEYS = ("arguments", "parameters", "input")
"""Keys of a call's arguments: OpenAI's, and those of servers and models that mix up formats."""
_MAX_INDEX_DIGITS = 6


def index_in(value: Any) -> int | None:
    """Return an index as a number; some servers send it as text; None for anything else."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= _MAX_INDEX_DIGITS:
        return int(value)
    return value if isinstance(value, int) else None


def _as_text(arguments: Any) -> str:
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
