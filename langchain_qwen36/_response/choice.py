"""Read one choice of a response, from deltas or from a complete message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from langchain_qwen36._content.reasoning_details import Item
from langchain_qwen36._response.answer_start import AnswerStart
from langchain_qwen36._response.call_leftovers import CallLeftovers, without_leftovers
from langchain_qwen36._response.content_parts import iter_content_parts
from langchain_qwen36._response.delta import Delta
from langchain_qwen36._response.reasoning import REASONING_FIELDS, Reasoning, as_list
from langchain_qwen36._response.text_tool_calls import ToolCallFinder
from langchain_qwen36._response.think_tags import ThinkTagSplitter
from langchain_qwen36._response.tool_calls import FinishedToolCall, ToolCallAssembler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36._request.types import Request
    from langchain_qwen36._response.delta import TextKind

_PLAIN = frozenset({"role", "content", "reasoning_content"})
_KNOWN = _PLAIN | {
    *REASONING_FIELDS,
    "reasoning_details",
    "tool_calls",
    "function_call",
    "refusal",
    "provider_metadata",
}
_NO_REASONS = frozenset({"null", "None"})
"""Words that some servers write instead of null."""
_OPENAI_REASONS = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "complete": "stop",
    "completed": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "max_length": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "function_calls": "tool_calls",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
}
"""Finish reasons, in small letters, as OpenAI names them; one that is not listed stays as it is."""


class Choice:
    """The state of one choice.

    `text` holds the pieces of the answer, `extras` and `partial_objects` further values of
    `additional_kwargs` beside the reasoning, `metadata` those of `response_metadata`. `plain` is
    the kind of the last chunk's text if the chunk held nothing else.
    """

    def __init__(self, index: int, request: Request) -> None:
        self.index = index
        self.plain: TextKind | None = None
        self.text: list[str] = []
        self.reasoning = Reasoning(request)
        self.reasoning_is_answer = False
        self.calls = ToolCallAssembler(request.used_ids, request.tools, request.tool_name)
        self.recovered = False
        self.logprobs: dict[str, Any] = {}
        self.extras: dict[str, Any] = {}
        self.partial_objects: dict[str, Item] = {}
        self.metadata: dict[str, Any] = {}
        self.name: str | None = None
        self.raw_finish: str | None = None
        self.native_finish: str | None = None
        self.failure: Mapping[str, Any] | None = None
        self._in_messages = False
        self._is_cumulative = bool(request.model and request.model.cumulative_stream)
        self._cumulative_text = ""
        self._writes_lone_tags = request.gateway.think_tags == "lone" and request.thinking is True
        self._tags: ThinkTagSplitter | None = ThinkTagSplitter(
            lone=self._writes_lone_tags, known=self.full_reasoning
        )
        may_call = request.tools and request.body.get("tool_choice") != "none"
        self._finder = ToolCallFinder(request.tools) if may_call else None
        self._start: AnswerStart | None = AnswerStart()
        self._called = self._in_deltas = False
        self._leftovers = CallLeftovers()

    @property
    def reason(self) -> str | None:
        """The finish reason as OpenAI names it; a server's own if OpenAI has none.

        It is "length" for a call that the limit cut: docs/quirks.md#cut-calls-presented-as-whole.
        """
        if self.calls.cut_by_limit:
            return "length"
        raw = self.raw_finish
        return _OPENAI_REASONS.get(raw.lower(), raw) if raw else None

    @property
    def truncated(self) -> bool:
        """Whether the answer ended before the model was done: by a limit, a filter, a failure."""
        return self.reason not in (None, "stop", "tool_calls")

    def feed(self, choice: Mapping[str, Any]) -> list[Delta]:
        """Add the choice of one chunk; return its deltas."""
        self.plain = None
        delta: dict[str, Any] | None = choice.get("delta")
        streamed, whole = True, False
        if not isinstance(delta, dict) or (not delta and _says_something(choice.get("message"))):
            streamed = False
            whole = not self._in_messages
            delta = self._message(choice)
        else:
            self._in_deltas = True
        if choice.get("finish_reason"):
            self._finish_reason(choice)
        if choice.get("logprobs"):
            return self._logprobs(choice["logprobs"]) + self._delta(delta, whole=whole)
        if not delta:
            return []
        if self._is_cumulative:
            return self._delta(self._new_in(delta) if streamed else delta, whole=whole)
        if streamed and delta.keys() <= _PLAIN:
            # Nearly every chunk of an answer ends here; the rest of this class is for the others.
            content = delta.get("content")
            reasoning = delta.get("reasoning_content")
            at_text = self._start is None and not self._called
            if content and not reasoning and at_text and type(content) is str:
                self.plain = "text"
                return self.append_plain(content)
            if reasoning and not content and self._streams_reasoning and type(reasoning) is str:
                self.plain = "reasoning"
                return self.append_plain(reasoning)
        return self._delta(delta, whole=whole)

    def append_plain(self, text: str) -> list[Delta]:
        """Add more text of the kind `plain`."""
        if self.plain == "reasoning":
            self.reasoning.append(text)
            return [Delta("reasoning", 0, text)]
        if self._finder is not None:
            text = self._finder.feed(text)
            if not text:
                return []
        self.text.append(text)
        return [Delta("text", 0, text)]

    @property
    def _streams_reasoning(self) -> bool:
        """Whether more reasoning changes nothing but the reasoning."""
        return self.reasoning.is_plain and (
            self._tags is None or (self._tags.is_untouched and not self.reasoning.has_budget)
        )

    def finish(self, *, limit_met: bool = False) -> list[Delta]:
        """Return the deltas that were held back; `feed` must not be called afterwards.

        Args:
            limit_met: Whether the answer used up `max_tokens`, whatever its finish reason says.
        """
        deltas: list[Delta] = []
        truncated = self.truncated or limit_met
        self._settle_tags(deltas)
        if self._finder is not None:
            text, calls = self._finder.finish("".join(self.text), truncated=truncated)
            self._show(text, deltas)
            for name, args in calls:
                deltas += self.calls.add(name, args)
            self.recovered = bool(calls)
            self._finder = None
        self._emit(self._leftovers.finish(), deltas)
        if self._start is not None:
            text = self._start.finish(truncated=truncated, has_calls=bool(self.calls))
            self._start = None
            self._emit(text, deltas)
        self._settle_reasoning(deltas, is_answer=not truncated and not self.calls and not self.text)
        return deltas + self.calls.finish(cut=self.truncated, limit_met=limit_met)

    def finished_calls(self, *, interrupted: bool = False) -> list[FinishedToolCall]:
        """Return the tool calls as they would be if the answer ended here."""
        return self.calls.finished(cut=self.truncated or interrupted)

    def full_text(self) -> str:
        """Return the answer so far, with the text that is held back."""
        start = self._start.held() if self._start is not None else ""
        held = self._tags.held().content if self._tags is not None else ""
        kept = self._finder.held() if self._finder is not None else ""
        return "".join(self.text) + start + self._leftovers.held() + kept + held

    def full_reasoning(self) -> str:
        """Return the reasoning so far, with the text that is held back."""
        held = self._tags.held().reasoning if self._tags is not None else ""
        return "".join([*self.reasoning.collected(), held])

    def _message(self, choice: Mapping[str, Any]) -> dict[str, Any]:
        """Return the message of a choice without a delta: complete, in parts, or bare text.

        After deltas it is ignored: one proxy sends an empty message with each delta, others repeat
        the whole answer at its end.
        """
        message = choice.get("message") or choice.get("text")
        has_deltas = (
            self._in_deltas
            and not self._in_messages
            and (self.full_text() or self.full_reasoning() or self.calls)
        )
        if not message or has_deltas:
            return {}
        self._in_messages = True
        return message if isinstance(message, dict) else {"content": message}

    def _delta(self, delta: dict[str, Any], *, whole: bool) -> list[Delta]:
        deltas: list[Delta] = []
        if reasoning := self.reasoning.new_in(delta):
            self._separate_tags(deltas)
            deltas += self.reasoning.add(reasoning)
        content = delta.get("content")
        tool_calls = _tool_calls(delta)
        if content:
            if tool_calls and isinstance(content, str):
                content = without_leftovers(content)
            self._content(content, deltas)
        if tool_calls:
            # Text held back because of its tags comes before the call.
            self._settle_tags(deltas)
            self._release_finder(deltas)
            self._settle_reasoning(deltas)
            self._called = True
            deltas += self.calls.feed(tool_calls, whole=whole)
        if not delta.keys() <= _KNOWN or delta.get("refusal") or delta.get("provider_metadata"):
            self._keep(delta)
        return deltas

    def _separate_tags(self, deltas: list[Delta]) -> None:
        """Tell the splitter that reasoning came in its own field: tags in content are leftovers."""
        if self._tags is None:
            return
        was_cut = self._writes_lone_tags and self.reasoning.may_be_cut
        reasoning, content = self._tags.reasoning_came(was_cut=was_cut)
        self._take_split(reasoning, content, deltas)

    def _take_split(self, reasoning: str, content: str, deltas: list[Delta]) -> None:
        """Add the parts that the splitter made of a text."""
        if self._tags is not None and self._tags.done:
            self._tags = None
        deltas += self.reasoning.add(reasoning)
        self._show(self._searched(content), deltas)

    def _content(self, content: Any, deltas: list[Delta]) -> None:
        """Add content: the answer, reasoning among its parts, and parts to keep whole."""
        if isinstance(content, str):
            self._answer(content, deltas)
            return
        for piece in iter_content_parts(content):
            match piece.kind:
                case "text":
                    self._answer(piece.value, deltas)
                case "thought":
                    self._settle_tags(deltas)
                    deltas += self.reasoning.add(piece.value)
                case "other" if isinstance(refusal := piece.value.get("refusal"), str):
                    self._keep({"refusal": refusal})
                case "other":
                    self.extras.setdefault("content_parts", []).append(piece.value)
                case never:
                    assert_never(never)

    def _new_in(self, delta: dict[str, Any]) -> dict[str, Any]:
        """Return a delta without the text that it repeats: Qwen-MT sends all of it each time."""
        text = delta.get("content")
        if not isinstance(text, str) or not text.startswith(self._cumulative_text):
            return delta
        new = text[len(self._cumulative_text) :]
        self._cumulative_text = text
        return {**delta, "content": new}

    def _answer(self, text: str, deltas: list[Delta]) -> None:
        if self._tags is None:
            self._show(self._searched(text), deltas)
        else:
            self._take_split(*self._tags.feed(text), deltas)

    def _searched(self, text: str) -> str:
        return text if self._finder is None else self._finder.feed(text)

    def _show(self, text: str, deltas: list[Delta]) -> None:
        self._emit(self._leftovers.feed(text) if self._called else text, deltas)

    def _emit(self, text: str, deltas: list[Delta]) -> None:
        if text and self._start is not None:
            text = self._start.feed(text, self.reasoning.collected())
            if text:
                self._start = None
        if text:
            self._settle_reasoning(deltas)
            self.text.append(text)
            deltas.append(Delta("text", 0, text))

    def _settle_reasoning(self, deltas: list[Delta], *, is_answer: bool = False) -> None:
        """Decide whether reasoning that came although thinking is off is the answer."""
        if text := self.reasoning.settle():
            kind: TextKind = "text" if is_answer else "reasoning"
            (self.text if is_answer else self.reasoning.pieces).append(text)
            self.reasoning_is_answer = is_answer
            deltas.append(Delta(kind, 0, text))

    def _settle_tags(self, deltas: list[Delta]) -> None:
        """Read tags in the content as text from here on, since a call or the end came."""
        if self._tags is not None:
            split, self._tags = self._tags.finish(), None
            self._take_split(*split, deltas)

    def _release_finder(self, deltas: list[Delta]) -> None:
        """Release text that looks like a call, since a structured call came.

        See docs/quirks.md#tool-calls-left-as-text.
        """
        if self._finder is not None:
            self._show(without_leftovers(self._finder.held()), deltas)
            self._finder = None

    def _finish_reason(self, choice: Mapping[str, Any]) -> None:
        reason = str(choice["finish_reason"])
        if reason in _NO_REASONS:
            return
        self.raw_finish = reason
        if native := choice.get("native_finish_reason"):
            self.native_finish = str(native)
        if self.raw_finish == "error":
            error = choice.get("error")
            self.failure = error if isinstance(error, dict) else {"message": str(error or "")}

    def _logprobs(self, logprobs: Any) -> list[Delta]:
        if not isinstance(logprobs, dict):
            return []
        # Only lists can be added up, here and in LangChain's chunks:
        # docs/quirks.md#metadata-that-is-added-up.
        lists = {name: value for name, value in logprobs.items() if isinstance(value, list)}
        for name, value in lists.items():
            self.logprobs.setdefault(name, []).extend(value)
        return [Delta("logprobs", 0, "", logprobs=lists)] if lists else []

    def _keep(self, delta: Mapping[str, Any]) -> None:
        """Keep what is no part of a chat completion: annotations, citations, images, a refusal."""
        for name, value in delta.items():
            if name == "refusal" and isinstance(value, str):
                self.extras[name] = self.extras.get(name, "") + value
            elif name == "provider_metadata" and value:
                self.metadata[name] = value
            elif name == "name" and isinstance(value, str):
                self.name = value or None
            elif name in _KNOWN or not value:
                continue
            elif isinstance(value, list):
                self.extras.setdefault(name, []).extend(value)
            elif isinstance(value, dict):
                self.partial_objects.setdefault(name, Item()).add(value)


def _says_something(message: Any) -> bool:
    """Return whether a message beside an empty delta holds any part of an answer."""
    return isinstance(message, dict) and any(
        message.get(name) for name in ("content", "tool_calls", *REASONING_FIELDS)
    )


def _tool_calls(delta: Mapping[str, Any]) -> list[Any]:
    """Return the tool calls of a delta; `function_call` is OpenAI's former field for one call."""
    if tool_calls := delta.get("tool_calls"):
        return as_list(tool_calls)
    call = delta.get("function_call")
    return [{"function": call}] if isinstance(call, dict) and call else []
