"""Call one row of a run: build the request and its key, send it, convert the result."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import orjson
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableBinding, RunnableSequence

from langchain_qwen36._model.cost_estimate import estimate, will_think
from langchain_qwen36._model.direct_call import acall, needs_run
from langchain_qwen36._model.identity import model_name
from langchain_qwen36._model.prepare import prepare_call
from langchain_qwen36._request.build import to_bytes
from langchain_qwen36._response.errors.billing import may_be_billed
from langchain_qwen36.bulk.prompt import canonical
from langchain_qwen36.bulk.records import answer_record, as_json, cost_in_units
from langchain_qwen36.bulk.types import Outcome
from langchain_qwen36.callbacks import QwenCostCallbackHandler
from langchain_qwen36.callbacks.pricer import is_self_hosted
from langchain_qwen36.chat_models import ChatQwen36
from langchain_qwen36.errors import BulkInputError, QwenError
from langchain_qwen36.pricing.units import units_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.callbacks import BaseCallbackHandler
    from langchain_core.runnables import Runnable, RunnableConfig

    from langchain_qwen36._model.cost_estimate import CostEstimate

_ADDRESS = re.compile(r"\b0x[0-9a-f]{4,}\b")


@dataclass(slots=True)
class Answer:
    """The result of a call: a message, the object parsed from it, an error, or several of them."""

    message: AIMessage | None = None
    parsed: Any = None
    error: BaseException | None = None
    usage: Mapping[str, Any] | None = None
    cost: int | None = None
    currency: str = ""

    def outcome(
        self, key: str, *, is_final: bool = True, fields: Mapping[str, Any] | None = None
    ) -> Outcome:
        """Return the outcome for the journal; an error that is not final puts the row back."""
        failed = self.error is not None
        return Outcome(
            key=key,
            state="done" if not failed else "failed" if is_final else "pending",
            answer=self._answer(),
            usage=self.usage,
            cost=self.cost,
            currency=self.currency,
            error=None if self.error is None else error_record(self.error),
            fields=fields if failed and is_final else None,
        )

    def _answer(self) -> dict[str, Any] | None:
        if self.message is None and self.parsed is None:
            return None
        if self.message is None:
            return {"answer": None, "reasoning": None, "parsed": as_json(self.parsed)}
        request_id = self.message.response_metadata.get("request_id")
        return {**answer_record(self.message, self.parsed), "request_id": request_id}


class ModelTask:
    """Calls a `ChatQwen36`, with its bound settings and tools."""

    def __init__(self, model: ChatQwen36, bound: Runnable[Any, Any], parser: Any = None) -> None:
        self.model = model
        self._bound = bound
        self._once = _without_retries(bound)
        self._model_once = cast("ChatQwen36", _model_of(self._once))
        self._settings_once = _settings_of(self._once)
        self._parser = parser
        self._settings = _settings_of(bound)
        self._digest = _digest(self._body_without_messages())

    @property
    def runnable(self) -> Runnable[Any, Any]:
        """The model with its bound settings, and the parser after it."""
        return self._bound if self._parser is None else self._bound | self._parser

    @property
    def identity(self) -> str:
        """A text that distinguishes these requests from others in the journal."""
        return self._digest.hex()

    def key(self, request: Any) -> str:
        """Hash what decides the request's body: its messages, and the rest of it."""
        return _digest(self._digest, canonical(request)).hex()

    def body(self, request: Any) -> dict[str, Any]:
        """Return the body of a request as it would be sent.

        Raises:
            ValueError: The request cannot be sent.
        """
        messages = self.model._convert_input(request).to_messages()  # noqa: SLF001
        endpoint = self.model._endpoint  # noqa: SLF001
        prepared = prepare_call(
            self.model, endpoint, None, messages, stop=None, kwargs=self._settings, stream=False
        )
        body: dict[str, Any] = orjson.loads(to_bytes(prepared.request.body))
        return body

    def estimate(self, request: Any) -> CostEstimate:
        """Estimate the size and the price of a request, with the bound settings and tools."""
        messages = self.model._convert_input(request).to_messages()  # noqa: SLF001
        gateway = self.model._endpoint.gateway  # noqa: SLF001
        return estimate(self.model, gateway, messages, self._settings, None)

    def will_think(self) -> bool | None:
        """Return whether the calls will think, by any setting; None: not known."""
        return will_think(self.model, self.model._endpoint.gateway, self._settings)  # noqa: SLF001

    @property
    def model_name(self) -> str:
        """The id of the model that is called: a bound one wins."""
        return model_name(self.model, self._settings)

    async def call(self, request: Any, callbacks: Sequence[BaseCallbackHandler] = ()) -> Answer:
        """Send one request, once; the runner retries. Errors are in the answer."""
        try:
            message = await self._send(request, callbacks)
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - it is the row's
            return _of_error(error, self.model)
        answer = _of_message(message)
        if self._parser is not None:
            try:
                answer.parsed = self._parser.invoke(message)
            except Exception as error:  # noqa: BLE001 - it is the row's
                answer.error = error
        return answer

    async def _send(self, request: Any, callbacks: Sequence[BaseCallbackHandler]) -> AIMessage:
        if callbacks or self._needs_run:
            config: RunnableConfig | None = {"callbacks": list(callbacks)} if callbacks else None
            return cast("AIMessage", await self._once.ainvoke(request, config))
        return await acall(self._model_once, request, self._settings_once)

    @cached_property
    def _needs_run(self) -> bool:
        """Whether a run of LangChain is needed, asked where the first row is called."""
        is_watched = _takes_part(self._bound) or "stream" in self._settings
        return is_watched or needs_run(self.model)

    def _body_without_messages(self) -> bytes:
        body = self.body([HumanMessage("")])
        del body["messages"]
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


class ChainTask:
    """Calls any other runnable: a chain, an agent, another vendor's model."""

    model = None

    def __init__(self, chain: Runnable[Any, Any]) -> None:
        self._chain = chain
        self._digest = _digest(_ADDRESS.sub("", dumps(chain)).encode())

    @property
    def identity(self) -> str:
        """A text that distinguishes this chain from others in the journal."""
        return self._digest.hex()

    def key(self, request: Any) -> str:
        """Hash the input and the chain as LangChain writes it, without addresses in memory."""
        return _digest(self._digest, canonical(request)).hex()

    def body(self, request: Any) -> dict[str, Any]:
        """Return the chain's input; the chain makes the requests itself."""
        return {
            "input": request
            if isinstance(request, dict | str)
            else orjson.loads(canonical(request))
        }

    async def call(self, request: Any, callbacks: Sequence[BaseCallbackHandler] = ()) -> Answer:
        """Run the chain once; the costs of its calls are summed. Errors are in the answer."""
        costs = QwenCostCallbackHandler()
        try:
            result = await self._chain.ainvoke(request, {"callbacks": [costs, *callbacks]})
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - it is the row's
            answer = Answer(error=error)
        else:
            is_message = isinstance(result, AIMessage)
            answer = Answer(result) if is_message else Answer(parsed=result)
        _add_costs(answer, costs)
        return answer


Task = ModelTask | ChainTask


def task_of(runnable: Runnable[Any, Any], schema: Any = None) -> Task:
    """Choose how rows are called.

    Raises:
        BulkInputError: A schema for a chain, which has its own parser.
    """
    model = _model_of(runnable)
    if schema is not None:
        if not isinstance(model, ChatQwen36) or not isinstance(runnable, ChatQwen36):
            raise BulkInputError(
                "`schema=` goes with a ChatQwen36: end a chain with a parser of its own instead."
            )
        structured = runnable.with_structured_output(schema)
        if not isinstance(structured, RunnableSequence):
            raise BulkInputError(f"`schema={schema!r}` is none that can be parsed.")
        return ModelTask(model, structured.first, structured.last)
    return ModelTask(model, runnable) if model is not None else ChainTask(runnable)


def error_record(error: BaseException) -> dict[str, Any]:
    """Return an error as the journal keeps it, without unknown values."""
    names = ("status_code", "code", "request_id", "gateway", "retry_after")
    known = {name: getattr(error, name, None) for name in names}
    facts = {"type": type(error).__name__, "message": str(error), "retryable": may_retry(error)}
    return facts | {name: value for name, value in known.items() if value is not None}


def may_retry(error: BaseException) -> bool:
    """Return whether the same request may succeed later."""
    known = getattr(error, "is_retryable", None)
    if isinstance(known, bool):
        return known
    return isinstance(error, ConnectionError | TimeoutError)


def _model_of(runnable: Runnable[Any, Any]) -> ChatQwen36 | None:
    """Return the model whose request a runnable makes from its input; None: it is a chain."""
    while isinstance(runnable, RunnableBinding) and not runnable.config_factories:
        runnable = runnable.bound
    return runnable if isinstance(runnable, ChatQwen36) else None


def _without_retries(runnable: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """Return a model that sends each request once: set here, it is not checked in each call."""
    if isinstance(runnable, RunnableBinding):
        kwargs = {name: value for name, value in runnable.kwargs.items() if name != "max_retries"}
        inner = _without_retries(runnable.bound)
        return runnable.model_copy(update={"bound": inner, "kwargs": kwargs})
    return cast("ChatQwen36", runnable).model_copy(update={"max_retries": 0})


def _settings_of(runnable: Runnable[Any, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    while isinstance(runnable, RunnableBinding):
        settings = {**runnable.kwargs, **settings}
        runnable = runnable.bound
    settings.pop("ls_structured_output_format", None)
    return settings


def _takes_part(runnable: Runnable[Any, Any]) -> bool:
    """Return whether callbacks are bound, or a binding of the user's has its own `ainvoke`."""
    while isinstance(runnable, RunnableBinding):
        is_own = type(runnable).ainvoke is not RunnableBinding.ainvoke
        if is_own or runnable.config.get("callbacks"):
            return True
        runnable = runnable.bound
    return False


def _of_message(message: AIMessage) -> Answer:
    cost, currency = cost_in_units(message)
    if cost is None and is_self_hosted(message.response_metadata.get("gateway")):
        cost = 0
    return Answer(message, usage=message.usage_metadata, cost=cost, currency=currency)


def _of_error(error: BaseException, model: ChatQwen36) -> Answer:
    """Return the answer of a failed call: the cost of its partial text, 0 if nothing is billed."""
    partial = error.partial if isinstance(error, QwenError) else None
    if partial is None:
        is_free = not may_be_billed(error) or is_self_hosted(model._endpoint.gateway.name)  # noqa: SLF001
        return Answer(error=error, cost=0 if is_free else None)
    answer = _of_message(partial)
    answer.error = error
    return answer


def _add_costs(answer: Answer, costs: QwenCostCallbackHandler) -> None:
    costs.close_open_calls()
    summary = costs.summary()
    tokens = summary.tokens
    if summary.calls:
        answer.usage = {
            "input_tokens": tokens.input,
            "output_tokens": tokens.output,
            "total_tokens": tokens.total,
        }
    if not summary.unpriced_calls and len(summary.costs) <= 1:
        for currency, amount in summary.costs.items():
            answer.cost, answer.currency = units_of(amount), currency
        answer.cost = answer.cost or 0


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()
