"""Estimate the cost of a call before it is sent, as the amount that a budget holds for it."""

from __future__ import annotations

import math
import threading
from collections import defaultdict, deque
from collections.abc import Mapping  # noqa: TC003 - a field's type
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from langchain_qwen36._content.blocks import block_option
from langchain_qwen36._request.thinking import requested_thinking
from langchain_qwen36.callbacks.pricer import reports_cost
from langchain_qwen36.catalog import find_model
from langchain_qwen36.errors import BudgetExceededError
from langchain_qwen36.pricing import Money

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from langchain_qwen36.callbacks.pricer import Estimate, Pricer
    from langchain_qwen36.callbacks.records import CallRecord
    from langchain_qwen36.callbacks.tracked_call import TrackedCall
    from langchain_qwen36.spend import SpendLedger

Reserve = str
"""How much to hold for a call in flight: `likely`, `worst`, or an amount such as `"0.05 USD"`."""

FIRST_ANSWER = 500
"""Output tokens assumed for a model without counted answers."""
REMEMBERED_ANSWERS = 50
"""Answers of a model whose lengths are kept; the usual answer is their 90th percentile."""
_INPUT_MARGIN = 1.25
"""Factor of `worst` on our estimate of the input."""


class Hold(NamedTuple):
    """The estimated cost of a call before it is sent."""

    likely: Money
    """The amount that is held."""
    certain: Money
    """The part that is no guess; an account on which nothing is spent or held admits the call by
    this part alone and holds what it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingCall:
    """A call that is about to be sent."""

    run_id: UUID
    """LangChain's id of the call; a second reservation of it changes nothing."""
    model: str | None = None
    gateway: str | None = None
    hold: Hold | None = None
    """The estimated cost; None: it cannot be known before the call ends."""
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Metadata of the run's config: `user_id`, `thread_id`, …"""
    is_reported: bool = False
    """Whether the gateway reports the cost of a call."""
    tags: tuple[str, ...] = ()
    tool: str | None = None
    """The tool in which the call is made."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))


def pending_call(call: TrackedCall, hold: Hold | None) -> PendingCall:
    """Return the description of a call that a spend book receives."""
    return PendingCall(
        run_id=call.run_id,
        model=call.model,
        gateway=call.gateway,
        hold=hold,
        metadata=call.metadata,
        is_reported=reports_cost(call.gateway),
        tags=call.tags,
        tool=call.tool,
        started=call.started,
    )


class AnswerLengths:
    """The lengths of each model's last answers, for an account; not pickled."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lengths: defaultdict[str | None, deque[int]] = defaultdict(
            lambda: deque(maxlen=REMEMBERED_ANSWERS)
        )

    def learn(self, model: str | None, record: CallRecord) -> None:
        """Store the length of a model's answer."""
        if record.ending == "ok" and record.price_source != "llm_cache" and not record.estimated:
            with self._lock:
                self._lengths[model].append(record.tokens.output)

    def usual(self, model: str | None, older: Sequence[int] = ()) -> int | None:
        """Return the 90th percentile of a model's answers; None: none was counted yet.

        Args:
            model: The model.
            older: Lengths of answers before these, the newest first.
        """
        with self._lock:
            lengths = list(self._lengths.get(model, ()))
        lengths += older[: REMEMBERED_ANSWERS - len(lengths)]
        lengths.sort()
        return lengths[math.ceil(0.9 * len(lengths)) - 1] if lengths else None


class HoldEstimator:
    """Estimates the cost of calls."""

    def __init__(self, pricer: Pricer, reserve: Reserve | Money = "likely") -> None:
        """Parse how much to hold.

        Raises:
            ValueError: `reserve` is neither a choice nor an amount.
        """
        self._pricer = pricer
        self._reserve = parse_reserve(reserve)

    def estimate(
        self,
        call: TrackedCall,
        lengths: AnswerLengths,
        ledger: SpendLedger | None = None,
    ) -> Hold | None:
        """Return the estimated cost of a call; None if no price is known before it ends.

        Args:
            call: The call.
            lengths: The usual lengths of answers.
            ledger: The ledger whose earlier answers, of all processes, count too.

        Raises:
            BudgetExceededError: `worst` is requested, and nothing limits the answer.
        """
        if isinstance(self._reserve, Money):
            return Hold(self._reserve, self._reserve)
        read = call.count_prompt()
        written = longest_answer(call)
        if self._reserve == "worst":
            if written is None:
                raise BudgetExceededError(
                    f'`reserve="worst"` cannot bound a call of {call.model}, whose longest answer '
                    "is not known; the call was not made. Set `max_tokens=` or "
                    "`max_completion_tokens=`."
                )
            read = math.ceil(read * _INPUT_MARGIN)
            most = self._price(call, read, written)
            if most and may_write_cache(call):
                cached = self._price(call, read, written, cached=True)
                most = max(most, cached or most, key=lambda each: each.total.amount)
            return Hold(most.total, most.total) if most else None
        older = ledger.answer_lengths(self._pricer.model_id(call.model) or "") if ledger else ()
        usual = lengths.usual(call.model, older)
        guess = FIRST_ANSWER if usual is None else usual
        likely = self._price(call, read, guess if written is None else min(guess, written))
        if likely is None:
            return None
        if usual is not None:
            return Hold(likely.total, likely.total)
        if likely.input is not None:
            return Hold(likely.total, likely.input)
        alone = self._price(call, read, 0)
        return Hold(likely.total, alone.total) if alone else None

    def _price(
        self, call: TrackedCall, read: int, written: int, *, cached: bool = False
    ) -> Estimate | None:
        return self._pricer.estimate(
            read, written, call.params, call.model, call.gateway, cached=cached
        )


def may_write_cache(call: TrackedCall) -> bool:
    """Return whether a call has its input written to a cache: by a setting, or by markers."""
    return bool(call.params.get("prompt_cache")) or any(
        isinstance(block, dict) and block_option(block, "cache_control")
        for message in call.messages
        if isinstance(message.content, list)
        for block in message.content
    )


def longest_answer(call: TrackedCall) -> int | None:
    """Return the most output tokens that a call allows, with reasoning; None: no limit."""
    model, params = find_model(call.model or ""), body_settings(call.params)
    count = params.get("n") or 1
    if most := params.get("max_completion_tokens"):
        return int(most) * count
    answer = params.get("max_tokens") or (model.max_output_tokens if model else None)
    if answer is None:
        return None
    if requested_thinking(call.params) is False:
        return int(answer) * count
    thinking = params.get("thinking_budget") or (model.max_thinking_tokens if model else None)
    return (int(answer) + int(thinking or 0)) * count


def body_settings(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a run's settings as the body has them: `extra_body` wins, `model_kwargs` loses."""
    less, more = params.get("model_kwargs"), params.get("extra_body")
    if not less and not more:
        return params
    given = {key: value for key, value in params.items() if value is not None}
    return {**(less or {}), **given, **(more or {})}


def parse_reserve(value: Reserve | Money) -> Literal["likely", "worst"] | Money:
    """Parse `reserve=`.

    Raises:
        ValueError: The value is neither a choice nor an amount; the message lists the choices.
    """
    if isinstance(value, Money) or value in ("likely", "worst"):
        return value  # type: ignore[return-value]
    try:
        return Money.parse(value)
    except (ValueError, AttributeError):
        raise ValueError(
            f'`reserve={value!r}` must be "likely", "worst", or an amount such as "0.05 USD"'
        ) from None
