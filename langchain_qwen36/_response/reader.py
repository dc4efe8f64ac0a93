"""Read an answer, payload by payload; a one-shot answer is one payload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_qwen36._response import usage
from langchain_qwen36._response.choice import Choice
from langchain_qwen36._response.tool_calls import index_in
from langchain_qwen36.errors import StreamInterruptedError, UnexpectedResponseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from langchain_qwen36._request.types import Request
    from langchain_qwen36._response.delta import Delta, TextKind

# Keys that the reader itself reads, and long values that are no facts of the answer.
_NO_FACTS = frozenset(
    {
        "choices",
        "usage",
        "object",
        "kv_transfer_params",
        "obfuscation",
        "prompt_logprobs",
        "prompt_text",
        "prompt_token_ids",
    }
)
# Facts that name the answer: the first value stays, since a gateway may change it midway.
_FIRST_WINS = ("id", "model", "created")


class CompletionReader:
    """The state of one answer; deltas, chunks, events and messages are all built from it.

    `chunks` counts the payloads, `raw_usage` is the last usage object that counted anything,
    `facts` are the payloads' other top-level values. `failure` is the error object of a choice that
    ended with finish_reason "error", which the caller raises.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.chunks = 0
        self.choices: dict[int, Choice] = {}
        self.metadata: dict[str, Any] = {}
        self.raw_usage: Mapping[str, Any] | None = None
        self.done = False
        self._first: Choice | None = None
        self._kept: dict[int, list[Delta]] = {}
        self._names: frozenset[str] = frozenset()

    @property
    def first(self) -> Choice:
        """Choice 0, the one that is streamed."""
        if self._first is None:
            self._first = self.choices[0] = Choice(0, self.request)
        return self._first

    @property
    def failure(self) -> Mapping[str, Any] | None:
        """The error of a choice that failed with HTTP 200, else None.

        See docs/quirks.md#errors-within-http-200.
        """
        return next((c.failure for c in self.choices.values() if c.failure is not None), None)

    def feed(self, payload: dict[str, Any]) -> list[Delta]:
        """Add one payload; return the deltas of choice 0; other choices are only kept.

        The caller must check the payload for an error first.
        """
        self.chunks += 1
        choices = payload.get("choices")
        has_more = not choices or payload.get("usage") or not payload.keys() <= self._names
        if has_more:
            self._absorb(payload)
        if not isinstance(choices, list):
            return []
        deltas: list[Delta] = []
        for choice in choices:
            if not isinstance(choice, dict):
                continue
            if not has_more and _counts_or_ends(choice):
                self._absorb(payload)  # usage may stand in another place at the end
            if choice.get("index"):
                deltas += self._numbered(choice)
            else:
                deltas += (self._first or self.first).feed(choice)
        return deltas

    @property
    def plain(self) -> TextKind | None:
        """The kind of text of the last payload, None if it held anything else."""
        return self._first.plain if self._first is not None and len(self.choices) == 1 else None

    def append_plain(self, text: str) -> list[Delta]:
        """Add a payload that differs from the last one, a `plain` one, only by its text."""
        self.chunks += 1
        return (self._first or self.first).append_plain(text)

    def finish(self, *, done: bool) -> list[Delta]:
        """Settle what was held back; `done` says that [DONE], or a complete body, came.

        Raises:
            StreamInterruptedError: Neither `done` nor a finish_reason came.
            UnexpectedResponseError: There is not a single choice, but something else came.
        """
        ended = done or any(choice.raw_finish for choice in self.choices.values())
        has_more = self.metadata.keys() - {*_FIRST_WINS}
        if not ended and (self.choices or not has_more):
            raise StreamInterruptedError(
                f"The stream ended early, after {self.chunks} chunks: neither finish_reason nor "
                "[DONE] came. What had come is in `partial`.",
                gateway=self.request.gateway.name,
                chunks=self.chunks,
            )
        if not self.choices:
            raise UnexpectedResponseError(
                f"The answer holds no choices: {str(self.metadata)[:200]}",
                gateway=self.request.gateway.name,
                body=self.metadata,
                chunks=self.chunks,
            )
        self.done = True
        early = self.promote_lowest_choice()
        limit_met = self._limit_met()
        for index, choice in self.choices.items():
            if index:
                choice.finish(limit_met=limit_met)
        return early + self.first.finish(limit_met=limit_met)

    def _limit_met(self) -> bool:
        """Return whether the answer took all the tokens that the request allowed.

        vLLM sends "tool_calls" for a call that `max_tokens` cut, with arguments `{}`.
        """
        given = [self.request.body.get(name) for name in ("max_tokens", "max_completion_tokens")]
        limits = [limit for limit in given if isinstance(limit, int)]
        if not limits:
            return False
        counted = usage.from_wire(self.raw_usage)
        return counted is not None and counted["output_tokens"] >= min(limits)

    def promote_lowest_choice(self) -> list[Delta]:
        """Make the lowest choice the first if a server has no choice 0; return its deltas."""
        if self._first is not None or not self.choices:
            return []
        lowest = min(self.choices)
        self._first = self.choices[0] = self.choices.pop(lowest)
        self._first.index = 0
        return self._kept.pop(lowest)

    def _absorb(self, payload: Mapping[str, Any]) -> None:
        self._names |= payload.keys()
        raw = payload.get("usage")
        if self.raw_usage is None and isinstance(raw, dict) and raw:
            self.raw_usage = raw
        if (counted := next(filter(usage.counted, _usages(payload)), None)) is not None:
            self.raw_usage = usage.later(self.raw_usage, counted)
        for name, value in payload.items():
            if name in _NO_FACTS or value is None or value == "":
                continue
            if name not in _FIRST_WINS or name not in self.metadata:
                self.metadata[name] = value

    def _numbered(self, choice: Mapping[str, Any]) -> list[Delta]:
        """Add a choice by its index; an index that is no number above 0 counts as the first."""
        index = index_in(choice.get("index"))
        if index is None or index <= 0:
            return self.first.feed(choice)
        if index not in self.choices:
            self.choices[index] = Choice(index, self.request)
        self._kept.setdefault(index, []).extend(self.choices[index].feed(choice))
        return []


def _counts_or_ends(choice: Mapping[str, Any]) -> bool:
    if choice.get("finish_reason") or "usage" in choice:
        return True
    delta = choice.get("delta")
    return isinstance(delta, dict) and "usage" in delta


def _usages(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield every usage object of a payload: on top, in the gateway's own object, in a choice."""
    choices = payload.get("choices")
    chosen = [c for c in choices if isinstance(c, dict)] if isinstance(choices, list) else []
    messages = [c.get("delta") or c.get("message") for c in chosen]
    for obj in (payload, *payload.values(), *chosen, *messages):
        raw = obj.get("usage") if isinstance(obj, dict) else None
        if isinstance(raw, dict) and raw:
            yield raw
