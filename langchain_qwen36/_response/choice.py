"""Reads one choice of an answer, from deltas or from a whole message alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from langchain_qwen36._response.answer_start import AnswerStart
from langchain_qwen36._response.content_parts import iter_content_parts, text_of
from langchain_qwen36._response.delta import Delta
from langchain_qwen36._response.reasoning_details import Item, ReasoningDetails
from langchain_qwen36._response.text_tool_calls import ToolCallFinder
from langchain_qwen36._response.think_tags import ThinkTagSplitter
from langchain_qwen36._response.tool_calls import FinishedToolCall, ToolCallAssembler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36._request.types import Request
    from langchain_qwen36._response.delta import TextKind

_BUDGET_FIELDS = (
    "thinking_budget",
    "thinking_budget_tokens",
    "reasoning_budget_tokens",
    "thinking_token_budget",
)
_PLAIN = frozenset({"role", "content", "reasoning_content"})
_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_text")
"""The names of thoughts; the first that holds any counts, for some servers send two (P13)."""
_KNOWN = _PLAIN | {
    *_THOUGHTS,
    "reasoning_details",
    "tool_calls",
    "function_call",
    "refusal",
    "provider_metadata",
}
_NO_REASONS = frozenset({"null", "None"})
"""What a server calls it that writes "none yet" as a word."""
# Servers' own words for the reasons that every client knows; other words stay as they are.
_REASONS = {
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "STOP": "stop",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
}


class Choice:
    """What has come of one choice.

    `text` and `thoughts` are its pieces, `extras` and `objects` what belongs into
    additional_kwargs besides the thoughts, `facts` what belongs into response_metadata. `plain`
    is the kind of what the last chunk said, where it said that and nothing else.
    """

    def __init__(self, index: int, request: Request) -> None:
        self.index = index
        self.plain: TextKind | None = None
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.calls = ToolCallAssembler(request.used_ids, request.tools, request.tool_name)
        self.recovered = False
        self.details = ReasoningDetails()
        self.logprobs: dict[str, Any] = {}
        self.extras: dict[str, Any] = {}
        self.partial_objects: dict[str, Item] = {}
        self.metadata: dict[str, Any] = {}
        self.raw_finish: str | None = None
        self.native_finish: str | None = None
        self.failure: Mapping[str, Any] | None = None
        self._in_messages = False
        self._is_cumulative = bool(request.model and request.model.cumulative_stream)
        self._seen_text = ""
        self._writes_lone_tags = request.gateway.think_tags == "lone" and request.thinking is True
        self._tags: ThinkTagSplitter | None = ThinkTagSplitter(
            lone=self._writes_lone_tags, known=self.full_reasoning
        )
        self._budget = thinking_budget_in(request.body)
        may_call = request.tools and request.body.get("tool_choice") != "none"
        self._finder = ToolCallFinder(request.tools) if may_call else None
        self._start: AnswerStart | None = AnswerStart()
        # Reasoning that came although thinking is off: it may be the answer.
        self._doubted: list[str] | None = [] if request.thinking is False else None
        self.reasoning_is_answer = False
        self._reasoning_field = ""
        self._repeated_fields: dict[str, int] = {}
        self._reasoning_chars = 0

    @property
    def reason(self) -> str | None:
        """The finish reason in the words every client knows, as the server gave it."""
        return _REASONS.get(self.raw_finish, self.raw_finish) if self.raw_finish else None

    @property
    def truncated(self) -> bool:
        """Whether the answer ended before the model was done: by a limit, a filter, a failure."""
        return self.reason not in (None, "stop", "tool_calls")

    def feed(self, choice: Mapping[str, Any]) -> list[Delta]:
        """Take the choice of one chunk, give back what it adds."""
        self.plain = None
        delta: dict[str, Any] | None = choice.get("delta")
        streamed, whole = isinstance(delta, dict), False
        if not isinstance(delta, dict):
            whole = not self._in_messages
            delta = self._message(choice)
        if choice.get("finish_reason"):
            self._finish_reason(choice)
        if choice.get("logprobs"):
            return self._logprobs(choice["logprobs"]) + self._delta(delta, whole=whole)
        if not delta:
            return []
        if self._is_cumulative:
            return self._delta(self._new_in(delta) if streamed else delta, whole=whole)
        if streamed and delta.keys() <= _PLAIN:
            # Nearly every chunk of an answer; the rest of this class is for the others.
            content = delta.get("content")
            thought = delta.get("reasoning_content")
            if content and not thought and self._start is None and type(content) is str:
                self.plain = "text"
                return self.append_plain(content)
            if thought and not content and self._streams_reasoning and type(thought) is str:
                self.plain = "reasoning"
                return self.append_plain(thought)
        return self._delta(delta, whole=whole)

    def append_plain(self, text: str) -> list[Delta]:
        """Take more of what is `plain`."""
        if self.plain == "reasoning":
            self._reasoning_field = "reasoning_content"
            self.reasoning.append(text)
            self._reasoning_chars += len(text)
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
        untouched = self._tags is None or (self._tags.is_untouched and self._budget is None)
        return (
            self._reasoning_field in ("", "reasoning_content")
            and self._doubted is None
            and not self._repeated_fields
            and untouched
        )

    def finish(self, *, limit_met: bool = False) -> list[Delta]:
        """Settle what is held; after it nothing more may be fed.

        Args:
            limit_met: The answer used up `max_tokens`, whatever its finish reason says.
        """
        deltas: list[Delta] = []
        truncated = self.truncated or limit_met
        self._settle_tags(deltas)
        if self._finder is not None:
            text, found = self._finder.finish("".join(self.text), truncated=truncated)
            self._show(text, deltas)
            for name, args in found:
                deltas += self.calls.add(name, args)
            self.recovered = bool(found)
            self._finder = None
        if self._start is not None:
            text = self._start.finish(truncated=truncated, has_calls=bool(self.calls))
            self._start = None
            self._show(text, deltas)
        self._settle_doubt(deltas, is_answer=not truncated and not self.calls and not self.text)
        return deltas + self.calls.finish(cut=self.truncated, limit_met=limit_met)

    def finished_calls(self, *, interrupted: bool = False) -> list[FinishedToolCall]:
        """The tool calls, as they are if the answer ends here."""
        return self.calls.finished(cut=self.truncated or interrupted)

    def full_text(self) -> str:
        """Return the answer so far, with what is held back of it."""
        start = self._start.held() if self._start is not None else ""
        held = self._tags.held().content if self._tags is not None else ""
        kept = self._finder.held() if self._finder is not None else ""
        return "".join(self.text) + start + kept + held

    def full_reasoning(self) -> str:
        """Return the reasoning so far, with what is held back of it."""
        held = self._tags.held().reasoning if self._tags is not None else ""
        return "".join([*self.reasoning, *(self._doubted or ()), held])

    def _message(self, choice: Mapping[str, Any]) -> dict[str, Any]:
        """What stands in a delta's place: a message, whole or in pieces, or bare text.

        Behind deltas it counts for nothing: a proxy sends an empty message beside each of them,
        others repeat the whole answer at its end.
        """
        said = choice.get("message") or choice.get("text")
        by_deltas = not self._in_messages and (self.text or self.reasoning or self.calls)
        if not said or by_deltas:
            return {}
        self._in_messages = True
        return said if isinstance(said, dict) else {"content": said}

    def _delta(self, delta: dict[str, Any], *, whole: bool) -> list[Delta]:
        deltas: list[Delta] = []
        thought = self._structured_thought(delta)
        if thought:
            self._reasoning_chars += len(thought)
            self._note_reasoning(deltas)
            self._think(thought, deltas)
        content = delta.get("content")
        if content:
            self._content(content, deltas)
        if tool_calls := _tool_calls(delta):
            # What was held for its tags comes before the call.
            self._settle_tags(deltas)
            self._release_finder(deltas)
            self._settle_doubt(deltas)
            deltas += self.calls.feed(tool_calls, whole=whole)
        if not delta.keys() <= _KNOWN or delta.get("refusal") or delta.get("provider_metadata"):
            self._keep(delta)
        return deltas

    def _structured_thought(self, delta: Mapping[str, Any]) -> str:
        """Return new reasoning under any of its names; the same text under several counts once."""
        details = delta.get("reasoning_details")
        thought = self.details.add(_listed(details)) if details else ""
        field = "reasoning_details"
        for name in _THOUGHTS:
            if (value := delta.get(name)) and (text := text_of(value)):
                field, thought = name, text
                break
        if not thought:
            return ""
        self._reasoning_field = self._reasoning_field or field
        return thought if field == self._reasoning_field else self._unrepeated(field, thought)

    def _unrepeated(self, field: str, thought: str) -> str:
        """Return reasoning in a second field, unless the first one said the same."""
        self.reasoning = ["".join(self.reasoning)]
        at = self._repeated_fields.setdefault(field, 0)
        self._repeated_fields[field] = at + len(thought)
        return "" if self.reasoning[0].startswith(thought, at) else thought

    def _note_reasoning(self, deltas: list[Delta]) -> None:
        """Reasoning came outside the content: its tags there are left over, or text."""
        if self._tags is None:
            return
        # A token has one character at least, so shorter reasoning was not cut by the budget.
        reached = self._budget is not None and self._reasoning_chars >= self._budget
        thought, content = self._tags.reasoning_came(was_cut=self._writes_lone_tags and reached)
        if self._tags.done:
            self._tags = None
        self._think(thought, deltas)
        self._show(self._searched(content), deltas)

    def _content(self, content: Any, deltas: list[Delta]) -> None:
        """The answer, thoughts among its parts, and what is kept whole."""
        if isinstance(content, str):
            self._answer(content, deltas)
            return
        for piece in iter_content_parts(content):
            match piece.kind:
                case "text":
                    self._answer(piece.value, deltas)
                case "thought":
                    self._settle_tags(deltas)
                    self._think(piece.value, deltas)
                case "other":
                    self.extras.setdefault("content_parts", []).append(piece.value)
                case never:
                    assert_never(never)

    def _new_in(self, delta: dict[str, Any]) -> dict[str, Any]:
        """A delta without the text that it repeats from the beginning (Model Studio: Qwen-MT)."""
        said = delta.get("content")
        if not isinstance(said, str) or not said.startswith(self._seen_text):
            return delta
        new = said[len(self._seen_text) :]
        self._seen_text = said
        return {**delta, "content": new}

    def _answer(self, text: str, deltas: list[Delta]) -> None:
        if self._tags is None:
            self._show(self._searched(text), deltas)
            return
        thought, content = self._tags.feed(text)
        if self._tags.done:
            self._tags = None
        self._think(thought, deltas)
        self._show(self._searched(content), deltas)

    def _searched(self, text: str) -> str:
        return text if self._finder is None else self._finder.feed(text)

    def _show(self, text: str, deltas: list[Delta]) -> None:
        if text and self._start is not None:
            text = self._start.feed(text, [*self.reasoning, *(self._doubted or ())])
            if text:
                self._start = None
        if text:
            self._settle_doubt(deltas)
            self.text.append(text)
            deltas.append(Delta("text", 0, text))

    def _think(self, thought: str, deltas: list[Delta]) -> None:
        if not thought:
            return
        if self._doubted is not None:
            self._doubted.append(thought)
        else:
            self.reasoning.append(thought)
            deltas.append(Delta("reasoning", 0, thought))

    def _settle_doubt(self, deltas: list[Delta], *, is_answer: bool = False) -> None:
        """Decide what reasoning is that came although thinking is off."""
        doubted, self._doubted = "".join(self._doubted or ()), None
        if doubted:
            kind: TextKind = "text" if is_answer else "reasoning"
            (self.text if is_answer else self.reasoning).append(doubted)
            self.reasoning_is_answer = is_answer
            deltas.append(Delta(kind, 0, doubted))

    def _settle_tags(self, deltas: list[Delta]) -> None:
        """Something structured came, or the end: tags in the content are text from here on."""
        if self._tags is not None:
            thought, content = self._tags.finish()
            self._tags = None
            self._think(thought, deltas)
            self._show(self._searched(content), deltas)

    def _release_finder(self, deltas: list[Delta]) -> None:
        """A structured call came: what looks like a call in the text is text (P24)."""
        if self._finder is not None:
            self._show(self._finder.held(), deltas)
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
        # Only lists can be added up, here and in LangChain's chunks (T25).
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
            elif name in _KNOWN or not value:
                continue
            elif isinstance(value, list):
                self.extras.setdefault(name, []).extend(value)
            elif isinstance(value, dict):
                self.partial_objects.setdefault(name, Item()).add(value)


def thinking_budget_in(body: Mapping[str, Any]) -> int | None:
    """Return the budget of reasoning tokens that a request sends; None if it sends none."""
    for field in _BUDGET_FIELDS:
        if isinstance(budget := body.get(field), int):
            return budget
    return None


def _listed(value: Any) -> list[Any]:
    """A list, or what some server sends without the list around it."""
    return value if isinstance(value, list) else [value]


def _tool_calls(delta: Mapping[str, Any]) -> list[Any]:
    """The tool calls of a delta; a `function_call` is what OpenAI called the only one once."""
    if tool_calls := delta.get("tool_calls"):
        return _listed(tool_calls)
    call = delta.get("function_call")
    return [{"function": call}] if isinstance(call, dict) and call else []
