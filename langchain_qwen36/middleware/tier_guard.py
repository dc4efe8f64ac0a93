"""Trim, summarize, warn or refuse before a request crosses into a dearer price tier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, assert_never

from langchain.agents.middleware.internal_call_transformer import (
    InternalCallTransformer,
    internal_call_metadata,
)
from langchain.agents.middleware.types import (
    AgentMiddleware,
    AgentState,
    ExtendedModelResponse,
)
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    RemoveMessage,
    ToolMessage,
    get_buffer_string,
)
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.types import Command
from typing_extensions import override

from langchain_qwen36._content.history import begins_turn
from langchain_qwen36._logging import logger_for
from langchain_qwen36.middleware._requests import (
    check_choice,
    check_model,
    count_tokens,
    offer_of,
    with_note,
)
from langchain_qwen36.pricing import cost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from langchain.agents.middleware.types import ModelRequest
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AnyMessage
    from langchain_core.runnables import RunnableConfig

    from langchain_qwen36.middleware._requests import ModelResult

logger = logger_for(__name__)

Action = Literal["trim", "summarize", "warn", "refuse"]

_NOSTREAM = "nostream"
"""Tag of calls whose messages LangGraph leaves out of a stream of messages."""

_PROMPT = (
    "Summarize this part of a conversation for the assistant who continues it: what was asked, "
    "found and decided, with the names, numbers and file names that matter. Nothing else.\n\n"
)
_HEAD = "What was said before, in short:\n\n"


class TierGuardMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Keeps requests out of the dearer price tiers, where the whole request pays more.

    One token above 128K or 256K makes all tokens of a request dearer:
    docs/quirks.md#one-price-tier-for-a-whole-request. Before each call the request's input is
    estimated; if it crosses a limit of the model's price list at its gateway, the action is taken:

    - `trim`: the oldest turns are left out of this request; the thread keeps them.
    - `summarize`: they are replaced by a summary, in the thread too.
    - `warn`: it is logged, and the call is made.
    - `refuse`: the run ends with a message.

    The answer's `response_metadata["tier_guard"]` says what was done and what it saved (for `warn`
    and `refuse`: what crossing costs), by the list price of the input. The last turn always stays:
    if it alone is too long, `trim` and `summarize` warn. Models without a price list, or with one
    price for all sizes, are not limited.
    """

    transformers = (InternalCallTransformer,)

    def __init__(
        self,
        action: Action | Literal["summarise"] = "warn",
        *,
        summary_model: BaseChatModel | None = None,
        keep: float = 0.5,
        margin: float = 0.05,
    ) -> None:
        """Initialize the middleware.

        Args:
            action: One of the four above; the spelling `summarise` is accepted too.
            summary_model: Writes the summaries. None: the agent's own model.
            keep: When cutting, shorten the conversation to this share of the tier's limit, so that
                the next call need not cut again.
            margin: The share of the tier to stay below its limit, since counts are estimates.

        Raises:
            ValueError: The action is unknown, or a share is not above 0 and below 1 (`margin` may
                be 0).
        """
        super().__init__()
        if not 0 < keep < 1 or not 0 <= margin < 1 - keep:
            raise ValueError(
                f"`keep={keep}` must be above 0, `margin={margin}` 0 or more, and their sum "
                "below 1."
            )
        self.action: Action = check_choice(
            "action", "summarize" if action == "summarise" else action, Action
        )
        check_model("summary_model", summary_model)
        self.summary_model = summary_model
        self.keep = keep
        self.margin = margin

    @override
    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Any]
    ) -> ModelResult:
        """Check the request, and take the action if it crosses a limit."""
        plan = self._plan(request)
        if plan.refusal:
            return plan.refusal
        if plan.summary_prompt:
            model = self.summary_model or request.model
            plan = plan.with_summary(model.invoke(plan.summary_prompt, config=_internal()).text)
        return plan.finish(handler(plan.request))

    @override
    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[Any]]
    ) -> ModelResult:
        """`wrap_model_call`, async."""
        plan = self._plan(request)
        if plan.refusal:
            return plan.refusal
        if plan.summary_prompt:
            model = self.summary_model or request.model
            answer = await model.ainvoke(plan.summary_prompt, config=_internal())
            plan = plan.with_summary(answer.text)
        return plan.finish(await handler(plan.request))

    def _plan(self, request: ModelRequest[Any]) -> _Plan:
        bounds = _bounds(request)
        tokens = count_tokens(request, request.messages) if bounds else 0
        crossed = [bound for bound in bounds if bound * (1 - self.margin) < tokens]
        if not crossed:
            return _Plan(request)
        match self.action:
            case "warn" | "refuse":
                return _report(request, self.action, tokens, max(crossed))
            case "trim" | "summarize":
                return self._shorter(request, self.action, tokens, max(crossed))
            case never:
                assert_never(never)

    def _shorter(
        self, request: ModelRequest[Any], action: Action, tokens: int, bound: int
    ) -> _Plan:
        fixed = count_tokens(request, [])

        def count(messages: Sequence[AnyMessage]) -> int:
            return count_tokens(request, messages) - fixed

        kept = keep_newest(request.messages, int(bound * self.keep) - fixed, count)
        stays = {id(message) for message in kept}
        dropped = [message for message in request.messages if id(message) not in stays]
        after = fixed + count(kept)
        if not dropped or after >= tokens:
            return _report(request, "warn", tokens, bound)
        note = _note(request, action, tokens, bound, after)
        shorter = request.override(messages=kept)
        if action == "trim":
            return _Plan(shorter, note)
        # A summary must not cross the limit itself.
        readable = keep_newest(dropped, int(bound * (1 - self.margin)) - fixed, count)
        return _Plan(shorter, note, summary_prompt=_PROMPT + get_buffer_string(readable))


@dataclass(frozen=True, slots=True)
class _Plan:
    """The messages to send, and the notes about them."""

    request: ModelRequest[Any]
    note: dict[str, Any] | None = None
    """The note for the answer's metadata; None: no limit is crossed."""
    refusal: AIMessage | None = None
    """The message that is returned instead of a call."""
    summary_prompt: str | None = None
    """The prompt of the summary."""
    persists: bool = False
    """Whether the thread keeps the shorter conversation."""

    def with_summary(self, text: str) -> _Plan:
        """Return the plan with the summary in front of the messages that stay."""
        messages: list[AnyMessage] = [HumanMessage(_HEAD + text), *self.request.messages]
        return replace(self, request=self.request.override(messages=messages), persists=True)

    def finish(self, result: ModelResult) -> ModelResult:
        """Return the result with the note, and with the thread's new history."""
        if self.note is None:
            return result
        noted = with_note(result, "tier_guard", self.note)
        if not self.persists or isinstance(noted, AIMessage):
            return noted
        response = noted.model_response if isinstance(noted, ExtendedModelResponse) else noted
        new = [RemoveMessage(id=REMOVE_ALL_MESSAGES), *self.request.messages, *response.result]
        return ExtendedModelResponse(
            model_response=response, command=Command(update={"messages": new})
        )


def _bounds(request: ModelRequest[Any]) -> list[int]:
    """Return the input sizes above which a dearer tier begins; none without a price list."""
    offer = offer_of(request)
    price = offer.price_at(datetime.now(UTC).date()) if offer else None
    return [tier.over for tier in (price.tiers if price else ()) if tier.over]


def keep_newest(
    messages: Sequence[AnyMessage], room: int, count: Callable[[Sequence[AnyMessage]], int]
) -> list[AnyMessage]:
    """Return the newest part of a conversation that fits, beginning with a question.

    The last question and the messages after it always stay. Calls stay with their results.
    """
    units = _units(messages)
    question = max((n for n, unit in enumerate(units) if _asks(unit)), default=0)
    left = room - count(units[question]) if units else 0
    first = len(units)
    for index in reversed(range(len(units))):
        left -= 0 if index == question else count(units[index])
        if left < 0 and index < len(units) - 1:
            break
        first = index
    kept = [units[question], *units[first:]] if first > question else units[first:]
    while len(kept) > 1 and first < question and not _asks(kept[0]):
        kept = kept[1:]
    return [message for unit in kept for message in unit]


def _units(messages: Sequence[AnyMessage]) -> list[list[AnyMessage]]:
    """Group a call with its results; any other message is a group of its own."""
    units: list[list[AnyMessage]] = []
    for message in messages:
        if isinstance(message, ToolMessage) and units:
            units[-1].append(message)
        else:
            units.append([message])
    return units


def _asks(unit: Sequence[AnyMessage]) -> bool:
    return begins_turn(unit[0])


def _report(
    request: ModelRequest[Any], action: Literal["warn", "refuse"], tokens: int, bound: int
) -> _Plan:
    note = _note(request, action, tokens, bound, bound)
    extra = f", {note['saved']} more for its input" if note["saved"] else ""
    text = f"About {tokens} input tokens cross the price tier of {bound}{extra}"
    if action == "refuse":
        refusal = f"{text}: the call was not made. Begin a new thread, or shorten this one."
        return _Plan(request, refusal=AIMessage(refusal, response_metadata={"tier_guard": note}))
    logger.warning("%s: the call is made all the same.", text)
    return _Plan(request, note)


def _note(
    request: ModelRequest[Any], action: Action, tokens: int, bound: int, after: int
) -> dict[str, Any]:
    offer = offer_of(request)
    dear = cost({"input_tokens": tokens}, offer)
    cheap = cost({"input_tokens": after}, offer)
    saved = str(dear.money - cheap.money) if dear and cheap else None
    return {
        "action": action,
        "bound": bound,
        "tokens_before": tokens,
        "tokens_after": after if action in ("trim", "summarize") else tokens,
        "saved": saved,
    }


def _internal() -> RunnableConfig:
    """Mark the summary's call, so that streams of the agent's messages leave it out."""
    return {
        "metadata": {"lc_source": "tier_guard", **internal_call_metadata()},
        "tags": [_NOSTREAM],
    }
