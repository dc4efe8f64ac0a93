"""Divide inputs into parts: each request is built, checked, and saved before anything is sent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from langchain_qwen36._model.cost_estimate import count
from langchain_qwen36._model.prepare import prepare_call
from langchain_qwen36._model.user_warnings import warn_of_changes
from langchain_qwen36.bulk.batch.comparison import compare
from langchain_qwen36.bulk.batch.lines import batch_body, batch_gateway, encode_line, mode_of
from langchain_qwen36.bulk.batch.outcomes import failed_outcome
from langchain_qwen36.bulk.batch.part_files import PartWriter
from langchain_qwen36.bulk.batch.store import Part
from langchain_qwen36.bulk.types import Candidate
from langchain_qwen36.callbacks.holds import FIRST_ANSWER
from langchain_qwen36.catalog import find_model
from langchain_qwen36.catalog.batch_services import check_batch_model
from langchain_qwen36.errors import BudgetExceededError, InvalidRequestError, MessageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from langchain_core.messages import BaseMessage

    from langchain_qwen36._request.types import Request
    from langchain_qwen36.bulk.batch.chains import BatchChain
    from langchain_qwen36.bulk.batch.listed_price import ListedBatchPrice
    from langchain_qwen36.bulk.batch.store import BatchStore
    from langchain_qwen36.bulk.types import Row, Run
    from langchain_qwen36.catalog import Offer
    from langchain_qwen36.catalog.batch_services import BatchService
    from langchain_qwen36.gateways import Endpoint
    from langchain_qwen36.pricing import Money

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A request of a batch that is not yet written as a line."""

    candidate: Candidate
    request: Request | None
    body: Mapping[str, Any]
    error: MessageError | None = None
    """The error because of which the row cannot be sent."""


@dataclass(slots=True, kw_only=True)
class BatchPlanner:
    """Divides the inputs of a chain into parts in the journal."""

    chain: BatchChain
    endpoint: Endpoint
    service: BatchService
    store: BatchStore
    run: Run
    offer: Offer | None
    """The price of the rows."""
    budget: Money | None = None
    listed_price: ListedBatchPrice | None = None
    """The gateway's own batch price of the model."""
    expected: Money | None = field(default=None, init=False)
    """Estimated cost of the rows, if there is a budget."""
    _first: Request | None = field(default=None, init=False)

    def plan(
        self, inputs: Iterable[Any], ids: Iterable[str] | None, *, allow_unlisted: bool
    ) -> None:
        """Write every input without an answer in the journal into a part.

        Args:
            inputs: Inputs of `chain.invoke`.
            ids: Names of the inputs; None: their numbers, from 1.
            allow_unlisted: Whether to send a model that the service does not list.

        Raises:
            BudgetExceededError: The rows may cost more than the budget; nothing is sent.
            UnsupportedSettingError: A setting cannot be sent, or the model does not run in batches.
        """
        self.store.folder.mkdir(parents=True, exist_ok=True)
        added: list[Part] = []
        writer = PartWriter(
            self.store.folder,
            self.service,
            self._new_part,
            lambda part, keys: added.append(self.store.add(part, keys)),
        )
        try:
            rows = self._planned(inputs, ids, allow_unlisted=allow_unlisted)
            while page := list(islice(rows, _PAGE)):
                self._write(page, writer)
            writer.close()
            self._check_budget()
        except BaseException:
            writer.discard()
            for part in added:
                self.store.withdraw(part)
            raise

    def _planned(
        self, inputs: Iterable[Any], ids: Iterable[str] | None, *, allow_unlisted: bool
    ) -> Iterator[Planned]:
        names = iter(ids) if ids is not None else None
        for position, value in enumerate(inputs):
            name = str(next(names)) if names is not None else str(position + 1)
            try:
                request = self._request(value, allow_unlisted=allow_unlisted)
                body = batch_body(request)
                error = None
            except MessageError as problem:
                request, body, error = None, {"input": repr(value)}, problem
            yield Planned(
                candidate=Candidate(request_key(body), position, position + 1, name),
                request=request,
                body=body,
                error=error,
            )

    def _request(self, value: Any, *, allow_unlisted: bool) -> Request:
        messages = self.chain.messages(value)
        request = prepare_request(self.chain, self.endpoint, messages)
        if self._first is None:
            check_model(self.service, request, allow_unlisted=allow_unlisted)
            self._first = request
        if self.budget is not None:
            self._expect(messages, request)
        return request

    def _write(self, page: list[Planned], writer: PartWriter) -> None:
        """Store a page of rows in the journal, and write those that are to be sent into parts."""
        journal = self.store.journal
        rows = journal.admit(self.run, [planned.candidate for planned in page])
        refused = []
        for planned, row in zip(page, rows, strict=True):
            if not _is_wanted(row):
                continue
            try:
                if planned.request is None:
                    raise planned.error or MessageError("The row cannot be sent.")
                line = encode_line(row.key, planned.body, self.service)
            except MessageError as error:
                fields = {"input": planned.body}
                refusal = InvalidRequestError(str(error), gateway=self.endpoint.gateway.name)
                refused.append(failed_outcome(row.key, refusal, fields))
            else:
                writer.add(row.key, line, mode_of(planned.request))
        self.store.record(refused)

    def _new_part(self, mode: tuple[str, bool | None]) -> Part:
        return new_part(self.run, self.endpoint, mode, self._first, self.listed_price)

    # Budget.

    def _expect(self, messages: Any, request: Request) -> None:
        price = expected_cost(self.chain, self.endpoint, request, messages, self.offer)
        if price is None:
            raise BudgetExceededError(
                f"The batch price of {request.requested_model} at "
                f"{self.endpoint.gateway.name} is not known, so the budget of {self.budget} cannot "
                "be kept; nothing was sent. Give its price in `price_book=`, or no budget."
            )
        self.expected = price if self.expected is None else self.expected + price

    def _check_budget(self) -> None:
        if self.budget is None or self.expected is None:
            return
        if self.expected.currency != self.budget.currency:
            raise BudgetExceededError(
                f"The rows cost about {self.expected}, which a budget in {self.budget.currency} "
                "cannot count; nothing was sent."
            )
        if self.budget < self.expected:
            raise BudgetExceededError(
                f"The rows may cost {self.expected} in a batch, more than the budget of "
                f"{self.budget}; nothing was sent. Use a larger `budget=`, fewer rows, or a "
                "smaller `max_tokens=`."
            )


def _is_wanted(row: Row) -> bool:
    """Return whether a row is to be sent: it never was, or a retry may succeed."""
    failed = row.state == "failed" and bool((row.error or {}).get("retryable"))
    return row.state == "pending" or failed


def prepare_request(
    chain: BatchChain, endpoint: Endpoint, messages: Sequence[BaseMessage]
) -> Request:
    """Build a request as it is sent in a batch."""
    prepared = prepare_call(
        chain.model,
        replace(endpoint, gateway=batch_gateway(endpoint.gateway)),
        None,
        messages,
        stop=None,
        kwargs=chain.kwargs,
        stream=False,
    )
    return prepared.request


def expected_cost(
    chain: BatchChain,
    endpoint: Endpoint,
    request: Request,
    messages: Sequence[BaseMessage],
    offer: Offer | None,
) -> Money | None:
    """Return the estimated cost of a request in a batch, with the longest answer or 500 tokens.

    None: the batch price is not known.
    """
    limits = (request.body.get(name) for name in ("max_completion_tokens", "max_tokens"))
    written = next((limit for limit in limits if isinstance(limit, int)), FIRST_ANSWER)
    read = count(chain.model, endpoint.gateway, messages, chain.kwargs)
    return compare(
        {"input_tokens": read, "output_tokens": written},
        offer,
        discount=request.price_discount,
        thinking=request.thinking,
    ).batch


def check_model(service: BatchService, request: Request, *, allow_unlisted: bool) -> None:
    """Check that a service runs a request's model in batches, or warn if that is not known.

    Raises:
        UnsupportedSettingError: The service is known not to run the model.
    """
    is_known = not allow_unlisted and find_model(request.requested_model) is not None
    if warning := check_batch_model(service, str(request.body["model"]), is_known=is_known):
        warn_of_changes({"batch": warning})


def new_part(
    run: Run,
    endpoint: Endpoint,
    mode: tuple[str, bool | None],
    first: Request | None,
    listed_price: ListedBatchPrice | None = None,
) -> Part:
    """Return a part of a run for requests of one model and thinking mode.

    Args:
        run: The run.
        endpoint: The gateway.
        mode: The model and the thinking mode, by `mode_of`.
        first: Any of the requests; all have its name of the model and its routing.
        listed_price: The model's batch price, if the gateway's list was read.
    """
    model, thinking = mode
    detail: dict[str, Any] = {}
    if first is not None:
        detail = {
            "requested_model": first.requested_model,
            "renamed_tools": dict(first.renamed_tools),
            "notes": dict(first.notes),
            "provider": first.body.get("provider"),
            "card": None if listed_price is None else list(listed_price),
        }
    return Part(
        run=run.number,
        gateway=endpoint.gateway.name,
        base_url=endpoint.base_url or "",
        model=model,
        thinking=thinking,
        detail=detail,
    )


def request_key(body: Mapping[str, Any]) -> str:
    """Return the hash of a request's body, which names its row."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
