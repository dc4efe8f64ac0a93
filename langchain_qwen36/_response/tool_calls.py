"""Assembles tool calls from deltas, whatever a server does with ids, indexes and names.

Every rule answers a recorded server: P18, P20 to P23, F57. Deltas go out with our own numbers
from 0; id and name go out once (T6).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from langchain_core.messages.tool import invalid_tool_call, tool_call

from langchain_qwen36._response.delta import Delta

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from langchain_core.messages import InvalidToolCall, ToolCall

_NO_JSON = object()


class _PartialToolCall:
    """One call while it grows."""

    __slots__ = ("given_id", "held", "id", "name", "number", "opened", "pieces", "started", "wire")

    def __init__(self, number: int, wire: int | None, given_id: str | None, own_id: str) -> None:
        self.number = number
        self.wire = wire
        self.given_id = given_id
        self.id = own_id
        self.name = ""
        self.pieces: list[str] = []
        # Whether id and name went out; whether the arguments go out as they come, or are held
        # to the end because they do not start like an object and may still decode to one (P18).
        self.opened = False
        self.started = False
        self.held = False

    @property
    def raw(self) -> str:
        return "".join(self.pieces)

    @property
    def complete(self) -> bool:
        return as_object(self.raw) is not None


class FinishedToolCall:
    """A call at the end of an answer: one that can be run, or one that must not be."""

    __slots__ = ("args", "id", "name", "number", "raw", "seal")

    def __init__(self, call: _PartialToolCall, name: str, *, cut: bool) -> None:
        self.number = call.number
        self.id = call.id
        self.name = name
        raw = call.raw if call.started else _decoded(call.raw, cut=cut)
        self.args = as_object(raw) if call.name else None
        self.seal = "" if self.args is not None else unrepairable_suffix(raw)
        self.raw = raw + self.seal

    @property
    def block(self) -> ToolCall | InvalidToolCall:
        """The call as a content block: one that can be run, or one that must not be."""
        if self.args is not None:
            return tool_call(name=self.name, args=self.args, id=self.id)
        # No error text: core's merged chunks cannot carry one, and all styles agree.
        return invalid_tool_call(name=self.name or None, args=self.raw, id=self.id, error=None)


class ToolCallAssembler:
    """The tool calls of one choice; `used_ids` are those of the conversation so far (P23)."""

    def __init__(
        self, used_ids: Collection[str] = (), tool_name: Callable[[str], str] = str
    ) -> None:
        self._used_ids = used_ids
        self._tool_name = tool_name
        self._calls: list[_PartialToolCall] = []
        self._by_id: dict[str, _PartialToolCall] = {}
        self._by_wire: dict[int, _PartialToolCall] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def feed(self, entries: Sequence[Any], *, whole: bool = False) -> list[Delta]:
        """Take the `tool_calls` of one delta, or with `whole` those of a finished message."""
        deltas: list[Delta] = []
        for position, entry in enumerate(entries):
            if isinstance(entry, dict):
                place = position if whole or len(entries) > 1 else None
                self._entry(entry, place, whole=whole, deltas=deltas)
        return deltas

    def add(self, name: str, args: str) -> list[Delta]:
        """Take a call that was found elsewhere (P24)."""
        deltas: list[Delta] = []
        call = self._new(None, None)
        call.name = name
        self._extend(call, args, deltas)
        return deltas

    def finished(self, *, cut: bool) -> list[FinishedToolCall]:
        """The calls as they are if the answer ends here; `cut` if it ended too early.

        Without `cut` no arguments at all are an empty object (P22); with it they are a broken
        call, for a cut call must never be run (F57).
        """
        return [FinishedToolCall(call, self._tool_name(call.name), cut=cut) for call in self._calls]

    def finish(self, *, cut: bool) -> list[Delta]:
        """Give back what was held, and what makes every broken call invalid in all styles."""
        deltas: list[Delta] = []
        for call, end in zip(self._calls, self.finished(cut=cut), strict=True):
            text = end.seal if call.started else end.raw
            if not call.opened:
                deltas.append(self._opener(call, text))
            elif text:
                deltas.append(Delta("tool_call", 0, text, call.number))
            call.pieces = [end.raw]
        return deltas

    def _entry(
        self, entry: dict[str, Any], place: int | None, *, whole: bool, deltas: list[Delta]
    ) -> None:
        function = entry.get("function")
        if not isinstance(function, dict):
            function = entry  # some write name and arguments beside the id
        index = index_in(entry.get("index"))
        wire = place if index is None else index
        given_id = str(entry["id"]) if entry.get("id") not in (None, "") else None
        name = function.get("name")
        name = name if isinstance(name, str) else ""
        args = _as_text(function.get("arguments", function.get("parameters")))
        if whole:
            call: _PartialToolCall | None = self._new(wire, given_id)
        else:
            call = self._find(wire, given_id, name, args)
        if call is None:
            if not (given_id or name or args.strip()):
                return
            call = self._new(wire, given_id)
        self._name(call, name)
        repeated = args.startswith("{") and args == call.raw and call.complete
        if args and not repeated:
            self._extend(call, args, deltas)

    def _find(
        self, wire: int | None, given_id: str | None, name: str, args: str
    ) -> _PartialToolCall | None:
        """The call that a delta goes on with; None if it opens a new one."""
        last = self._calls[-1] if self._calls else None
        here = last if wire is None else self._by_wire.get(wire)
        if given_id is not None:
            known = self._by_id.get(given_id)
            if known is not None:
                other = known.wire != wire or name != known.name
                return None if name and other and known.complete else known
            if here is None or name or (here.given_id and here.complete):
                return None
            return self._identify(here, given_id)
        if name:
            return here if here is not None and _goes_on(here, name, args) else None
        if here is None or (here is not last and here.complete):
            return last
        return here

    def _own_id(self, given_id: str | None) -> str:
        if given_id is None or given_id in self._by_id or given_id in self._used_ids:
            return f"call_{uuid4().hex}"
        return given_id

    def _identify(self, call: _PartialToolCall, given_id: str) -> _PartialToolCall:
        """A call's id came late; or it is a new one on every delta, then the first stays."""
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
        """Repeats are ignored, a growing prefix replaces, a fragment is appended (P21)."""
        if call.opened or not name or name == call.name:
            return
        call.name = name if name.startswith(call.name) else call.name + name

    def _extend(self, call: _PartialToolCall, args: str, deltas: list[Delta]) -> None:
        call.pieces.append(args)
        if call.started:
            deltas.append(Delta("tool_call", 0, args, call.number))
            return
        if call.held:
            return
        raw = call.raw
        first = raw.lstrip()[:1]
        call.started = first == "{"
        call.held = first not in ("", "{")
        if not call.started:
            return
        # Earlier calls open first, or merged chunks would change the order.
        deltas += [
            self._opener(earlier, "")
            for earlier in self._calls[: call.number]
            if not earlier.opened
        ]
        deltas.append(
            Delta("tool_call", 0, raw, call.number) if call.opened else self._opener(call, raw)
        )

    def _opener(self, call: _PartialToolCall, args: str) -> Delta:
        call.opened = True
        return Delta("tool_call", 0, args, call.number, call.id, self._tool_name(call.name) or None)


def as_object(raw: str) -> dict[str, Any] | None:
    """The JSON object in `raw`, read as leniently as langchain-core reads it, else None."""
    value = _parsed(raw)
    return value if isinstance(value, dict) else None


def unrepairable_suffix(raw: str) -> str:
    r"""What to append to broken arguments so that langchain-core does not repair them (T8).

    Merged chunks are read by core's `parse_partial_json`, which closes what is open but gives up
    at a closing bracket that matches nothing: so an open string is closed and a wrong bracket put
    behind it. Empty where core gives up anyway, or reads something that is no object.

    >>> unrepairable_suffix('{"city": "Par')
    '"]'
    """
    value = _parsed(raw)
    if value is not _NO_JSON and not isinstance(value, dict):
        return ""
    brackets: list[str] = []
    in_string = escaped = False
    for char in raw:
        if in_string:
            if escaped or char == "\\":
                escaped = not escaped
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "{[":
            brackets.append("}" if char == "{" else "]")
        elif char in "}]" and (not brackets or brackets.pop() != char):
            return ""
    # A lone backslash at the end would swallow the first of the two quotes.
    quotes = ('""' if escaped else '"') if in_string else ""
    return quotes + ("]" if brackets and brackets[-1] == "}" else "}")


def _parsed(raw: str) -> Any:
    try:
        return json.loads(raw, strict=False)
    except (ValueError, RecursionError):
        return _NO_JSON


def _goes_on(call: _PartialToolCall, name: str, args: str) -> bool:
    """Whether a named delta without an id goes on with the call at its place."""
    if call.complete:
        return call.name == name and not args.strip()
    return not call.raw.strip() or call.name == name or name.startswith(call.name)


def index_in(said: Any) -> int | None:
    """An index as a number; some servers send it as text, and what is no number says nothing."""
    if isinstance(said, str) and said.isdecimal():
        return int(said)
    return said if isinstance(said, int) else None


def _as_text(arguments: Any) -> str:
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _decoded(raw: str, *, cut: bool) -> str:
    """Arguments that do not start like an object: nothing, null, or JSON within JSON (P18)."""
    text = raw.strip()
    if not text:
        return "" if cut else "{}"
    if text == "null":
        return "{}"
    inner = _parsed(text)
    if not isinstance(inner, str):
        return raw
    if inner.strip() in ("", "null"):
        return "{}"
    return inner if as_object(inner) is not None else raw
