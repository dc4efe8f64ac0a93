"""Reads one choice of an answer, from deltas or from a whole message alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_qwen36._wire.reasoning import ReasoningDetails
from langchain_qwen36._wire.recovery import ToolCallFinder
from langchain_qwen36._wire.think_tags import ThinkTagSplitter
from langchain_qwen36._wire.tool_calls import Settled, ToolCallAssembler
from langchain_qwen36._wire.types import Delta

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36._wire.types import Request

_PLAIN = frozenset({"role", "content", "reasoning_content"})
_KNOWN = _PLAIN | {
    "reasoning",
    "reasoning_details",
    "tool_calls",
    "refusal",
    "provider_metadata",
}
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

    `text` and `thoughts` are its pieces, `extras` what belongs into additional_kwargs besides
    the thoughts, `facts` what belongs into response_metadata.
    """

    def __init__(self, index: int, request: Request) -> None:
        self.index = index
        self.text: list[str] = []
        self.thoughts: list[str] = []
        self.calls = ToolCallAssembler(request.used_ids)
        self.recovered = False
        self.details = ReasoningDetails()
        self.logprobs: dict[str, Any] = {}
        self.extras: dict[str, Any] = {}
        self.facts: dict[str, Any] = {}
        self.raw_finish: str | None = None
        self.native_finish: str | None = None
        self.failure: Mapping[str, Any] | None = None
        lone = request.gateway.think_tags == "lone" and request.thinking is True
        self._tags: ThinkTagSplitter | None = ThinkTagSplitter(lone=lone)
        self._finder = ToolCallFinder(request.tools) if request.tools else None

    @property
    def reason(self) -> str | None:
        """The finish reason in the words every client knows, as the server gave it."""
        return _REASONS.get(self.raw_finish, self.raw_finish) if self.raw_finish else None

    @property
    def cut(self) -> bool:
        """Whether the answer ended before the model was done: by a limit, a filter, a failure."""
        return self.reason not in (None, "stop", "tool_calls")

    def feed(self, choice: Mapping[str, Any]) -> list[Delta]:
        """Take the choice of one chunk, give back what it adds."""
        delta = choice.get("delta")
        whole = delta is None
        # A proxy sends an empty message beside each delta; the delta is what counts.
        if delta is None and not (self.text or self.thoughts or self.calls):
            delta = choice.get("message")
        if choice.get("finish_reason"):
            self._finish_reason(choice)
        if choice.get("logprobs"):
            return self._logprobs(choice["logprobs"]) + self._delta(delta or {}, whole=whole)
        if not delta or not isinstance(delta, dict):
            return []
        if self._tags is None and delta.keys() <= _PLAIN:
            # Nearly every chunk of an answer; the rest of this class is for the others.
            content = delta.get("content")
            thought = delta.get("reasoning_content")
            if content and not thought and type(content) is str:
                if self._finder is not None:
                    content = self._finder.feed(content)
                    if not content:
                        return []
                self.text.append(content)
                return [Delta("text", 0, content)]
            if thought and not content and type(thought) is str:
                self.thoughts.append(thought)
                return [Delta("reasoning", 0, thought)]
        return self._delta(delta, whole=whole)

    def finish(self) -> list[Delta]:
        """Settle what is held; after it nothing more may be fed."""
        deltas: list[Delta] = []
        self._settle_tags(deltas)
        if self._finder is not None:
            text, found = self._finder.finish("".join(self.text))
            self._show(text, deltas)
            for name, args in found:
                deltas += self.calls.add(name, args)
            self.recovered = bool(found)
            self._finder = None
        return deltas + self.calls.finish(cut=self.cut)

    def settled_calls(self, *, interrupted: bool = False) -> list[Settled]:
        """The tool calls, as they are if the answer ends here."""
        return self.calls.settled(cut=self.cut or interrupted)

    def full_text(self) -> str:
        """The answer so far, with what is held back of it."""
        held = self._tags.held().content if self._tags is not None else ""
        kept = self._finder.held() if self._finder is not None else ""
        return "".join(self.text) + kept + held

    def full_thoughts(self) -> str:
        """The thoughts so far, with what is held back of them."""
        held = self._tags.held().reasoning if self._tags is not None else ""
        return "".join(self.thoughts) + held

    def _delta(self, delta: dict[str, Any], *, whole: bool) -> list[Delta]:
        deltas: list[Delta] = []
        thought = self._structured_thought(delta)
        if thought:
            self._settle_tags(deltas)
            self._think(thought, deltas)
        content = delta.get("content")
        if content:
            self._content(content, deltas)
        tool_calls = delta.get("tool_calls")
        if tool_calls and isinstance(tool_calls, list):
            # What was held for its tags comes before the call.
            self._settle_tags(deltas)
            self._release_finder(deltas)
            deltas += self.calls.feed(tool_calls, whole=whole)
        if not delta.keys() <= _KNOWN or delta.get("refusal") or delta.get("provider_metadata"):
            self._keep(delta)
        return deltas

    def _structured_thought(self, delta: Mapping[str, Any]) -> str:
        """Thoughts under any of their names; the same text under several counts once (P13)."""
        details = delta.get("reasoning_details")
        in_details = self.details.add(details) if details and isinstance(details, list) else ""
        for name in ("reasoning_content", "reasoning"):
            thought = delta.get(name)
            if thought and isinstance(thought, str):
                return thought
        return in_details

    def _content(self, content: Any, deltas: list[Delta]) -> None:
        if isinstance(content, str):
            self._answer(content, deltas)
        elif isinstance(content, list):
            for part in content:
                self._part(part, deltas)

    def _part(self, part: Any, deltas: list[Delta]) -> None:
        """One part of a content list: text, thoughts, or something that is kept whole."""
        if isinstance(part, str):
            self._answer(part, deltas)
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            self._answer(part["text"], deltas)
        elif isinstance(part, dict) and isinstance(part.get("thinking"), str):
            self._settle_tags(deltas)
            self._think(part["thinking"], deltas)
        elif part:
            self.extras.setdefault("content_parts", []).append(part)

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
        if text:
            self.text.append(text)
            deltas.append(Delta("text", 0, text))

    def _think(self, thought: str, deltas: list[Delta]) -> None:
        if thought:
            self.thoughts.append(thought)
            deltas.append(Delta("reasoning", 0, thought))

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
        self.raw_finish = str(choice["finish_reason"])
        if native := choice.get("native_finish_reason"):
            self.native_finish = str(native)
        if self.raw_finish == "error":
            error = choice.get("error")
            self.failure = error if isinstance(error, dict) else {"message": str(error or "")}

    def _logprobs(self, logprobs: Any) -> list[Delta]:
        if not isinstance(logprobs, dict):
            return []
        for name, value in logprobs.items():
            if isinstance(value, list):
                self.logprobs.setdefault(name, []).extend(value)
        return [Delta("logprobs", 0, "", logprobs=logprobs)]

    def _keep(self, delta: Mapping[str, Any]) -> None:
        """Keep what is no part of a chat completion: annotations, citations, images, a refusal."""
        for name, value in delta.items():
            if name == "refusal" and isinstance(value, str):
                self.extras[name] = self.extras.get(name, "") + value
            elif name == "provider_metadata" and value:
                self.facts[name] = value
            elif name in _KNOWN or not value:
                continue
            elif isinstance(value, list):
                self.extras.setdefault(name, []).extend(value)
            elif isinstance(value, dict):
                self.extras[name] = value
