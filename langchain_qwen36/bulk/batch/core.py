"""The operations of `BatchJob`, as steps that a sync and an async driver run."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from langchain_qwen36._model.connection import resolve_endpoint
from langchain_qwen36.bulk.batch.actions import Wait, Work
from langchain_qwen36.bulk.batch.chains import BatchChain
from langchain_qwen36.bulk.batch.client import BatchClient
from langchain_qwen36.bulk.batch.collecting import RowReader
from langchain_qwen36.bulk.batch.file_wire import FileWire
from langchain_qwen36.bulk.batch.inline_wire import InlineWire
from langchain_qwen36.bulk.batch.lines import batch_gateway
from langchain_qwen36.bulk.batch.listed_price import ListedBatchPrice, read_listed_price
from langchain_qwen36.bulk.batch.outcomes import outcome_of
from langchain_qwen36.bulk.batch.planning import BatchPlanner, expected_cost
from langchain_qwen36.bulk.batch.spending import BatchSpending
from langchain_qwen36.bulk.batch.status import BatchStatus
from langchain_qwen36.bulk.batch.steps import BatchSteps
from langchain_qwen36.bulk.batch.store import BatchStore
from langchain_qwen36.bulk.journal import Journal
from langchain_qwen36.catalog import PriceBook, wire_id
from langchain_qwen36.catalog.batch_services import batch_service
from langchain_qwen36.errors import UnsupportedSettingError
from langchain_qwen36.pricing import Money

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from langchain_core.messages import BaseMessage

    from langchain_qwen36._request.types import Request
    from langchain_qwen36.bulk.batch.actions import Steps
    from langchain_qwen36.bulk.batch.collecting import ToOutcome
    from langchain_qwen36.bulk.batch.polling import Polling
    from langchain_qwen36.bulk.batch.steps import Wire
    from langchain_qwen36.bulk.batch.store import Part
    from langchain_qwen36.catalog import Offer
    from langchain_qwen36.catalog.batch_services import BatchService
    from langchain_qwen36.gateways import Endpoint
    from langchain_qwen36.spend import SpendLedger

_WINDOW = re.compile(r"([1-9]\d{0,3})([hd])")
_SHORTEST_WINDOW = 24
"""Shortest window in hours."""


class SubmitOptions(NamedTuple):
    """Options for sending the inputs of a job."""

    ids: Iterable[str] | None = None
    budget: str | Money | None = None
    allow_unlisted: bool = False


class JobSetup(NamedTuple):
    """A chain, its endpoint, and the service that runs its model in batches."""

    chain: BatchChain
    endpoint: Endpoint
    service: BatchService

    @classmethod
    def of(cls, runnable: Any, service: BatchService | None = None) -> Self:
        """Split a chain, and choose its service.

        Raises:
            UnsupportedSettingError: No batch service is known at the model's gateway.
        """
        chain = BatchChain.of(runnable)
        endpoint = resolve_endpoint(chain.model)
        return cls(chain, endpoint, service or batch_service(endpoint.gateway.name))


class JobCore:
    """A chain, the service that runs its model in batches, and the journal of their job."""

    def __init__(
        self,
        setup: JobSetup,
        journal: Journal,
        window: str,
        to_outcome: ToOutcome | None = None,
        ledgers: Sequence[SpendLedger] = (),
    ) -> None:
        """Store the parts of a job, and check the window.

        Args:
            setup: The chain and its service.
            journal: The journal of the job.
            window: How long a batch may take.
            to_outcome: Converts a row's result to its outcome in the journal.
            ledgers: The spend ledgers in which batches are reserved.

        Raises:
            UnsupportedSettingError: The service does not accept the window.
        """
        self.chain, self.endpoint, self.service = setup
        self.window = checked_window(window, self.service)
        self.client = BatchClient(self.chain.model, self.endpoint)
        self.store = BatchStore(journal)
        is_file = self.service.form == "file"
        wire: Wire = FileWire(window) if is_file else InlineWire(window)
        reader = RowReader(
            gateway=batch_gateway(self.endpoint.gateway),
            offer=self._offer_of_part,
            price_discount=self.chain.model.price_discount,
            to_outcome=to_outcome or partial(outcome_of, parse=self.chain.parse),
        )
        self.listed_price: ListedBatchPrice | None = None
        """The gateway's own batch price of the model, if the catalogue has none."""
        self.spending = BatchSpending(self.store, ledgers)
        self._steps = BatchSteps(self.store, wire, reader, self.spending)

    @classmethod
    def open(
        cls,
        runnable: Any,
        state: str | Path,
        *,
        window: str | None = None,
        service: BatchService | None = None,
    ) -> Self:
        """Open the journal of a job.

        Args:
            runnable: The chain.
            state: The journal's file.
            window: How long a batch may take; None: as the existing journal says.
            service: How the gateway takes batches, if the package does not know it.

        Raises:
            UnsupportedSettingError: No batch service is known at the model's gateway.
            JournalError: The journal cannot be opened.
        """
        setup = JobSetup.of(runnable, service)
        given = _window_of(state) if window is None else window
        return cls(setup, Journal(state), checked_window(given, setup.service))

    def close(self) -> None:
        """Close the journal."""
        self.store.journal.close()

    @contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """Close the journal if the block raises."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def submit(self, inputs: Iterable[Any], options: SubmitOptions) -> Steps[None]:
        """Plan the inputs, upload the parts, and create their batches."""
        yield from self.read_listed_price()
        yield Work(lambda: self._plan(inputs, options))
        yield from self.submit_planned()

    def look(self) -> Steps[BatchStatus]:
        """Read the state of the batches."""
        for part in self._unfinished():
            yield from self._steps.look(part)
        return self.status()

    def read_listed_price(self) -> Steps[None]:
        """Read the gateway's own batch price, if only its list of models has one."""
        if self.service.form == "inline" and self.service.models is None:
            gateway = self.endpoint.gateway
            name = wire_id(gateway.price_list or gateway.name, self.chain.model.model_name)
            self.listed_price = yield from read_listed_price(gateway.name, name)

    def submit_planned(self) -> Steps[None]:
        """Upload the planned parts, and create their batches."""
        for part in self._unfinished():
            yield from self._steps.submit(part)

    def finish(
        self,
        timeout: float | None,
        polling: Polling,
        *,
        is_stopped: Callable[[], bool] = lambda: False,
        on_look: Callable[[], None] = lambda: None,
    ) -> Steps[BatchStatus]:
        """Advance every part until none is running.

        Args:
            timeout: Most seconds to wait; None: as long as it takes.
            polling: Intervals between two requests for the state.
            is_stopped: Whether to stop waiting, called after each wait.
            on_look: Called after each reading of the state.

        Raises:
            TimeoutError: The time ran out.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        for seconds in polling.delays():
            for part in self._unfinished():
                yield from self._steps.advance(part)
            on_look()
            if is_stopped() or not any(part.is_running for part in self._unfinished()):
                break
            if deadline is not None and time.monotonic() + seconds >= deadline:
                raise TimeoutError(
                    f"The job was not over within {timeout} s; it goes on at the gateway: wait "
                    "again, or attach to it later."
                )
            yield Wait(seconds)
        return self.status()

    def cancel(self) -> Steps[BatchStatus]:
        """Request the end of every part."""
        for part in self._unfinished():
            yield from self._steps.cancel(part)
        return self.status()

    def status(self) -> BatchStatus:
        """Return the state that the journal holds."""
        return BatchStatus.of(self.store.journal.counts(), self.store.parts())

    def check_gateway(self) -> None:
        """Check that the parts are at the model's gateway.

        Raises:
            UnsupportedSettingError: They are at another gateway.
        """
        here = (self.endpoint.gateway.name, self.endpoint.base_url)
        for part in self._unfinished():
            if (part.gateway, part.base_url) != here:
                raise UnsupportedSettingError(
                    f"The batches of {self.store.journal.path} are at {part.gateway} "
                    f"({part.base_url}), and the model at {here[0]} ({here[1]}): attach with a "
                    "model of that gateway."
                )

    def _unfinished(self) -> list[Part]:
        return self.store.parts(only_unfinished=True)

    def _plan(self, inputs: Iterable[Any], options: SubmitOptions) -> None:
        journal, budget = self.store.journal, options.budget
        self.check_gateway()
        self.store.remove_strays()
        gateway, model = self.endpoint.gateway.name, self.chain.model.model_name
        settings = {"window": self.window, "gateway": gateway, "model": model}
        run = journal.begin_run(f"batch {gateway} {model}", settings)
        planner = BatchPlanner(
            chain=self.chain,
            endpoint=self.endpoint,
            service=self.service,
            store=self.store,
            run=run,
            offer=self._offer(model),
            budget=None if budget is None else Money.of(budget),
            listed_price=self.listed_price,
        )
        planner.plan(inputs, options.ids, allow_unlisted=options.allow_unlisted)
        journal.end_run(run, "submitted", read_whole_input=True)

    def price(self, request: Request, messages: Sequence[BaseMessage]) -> Money | None:
        """Return the estimated price of a request in a batch; None: its price is not known."""
        offer = self._offer(request.requested_model)
        return expected_cost(self.chain, self.endpoint, request, messages, offer)

    def _offer_of_part(self, part: Part) -> Offer | None:
        if price := part.detail.get("card"):
            return ListedBatchPrice(*price).offer(part.gateway, part.requested_model, part.model)
        return self._offer(part.requested_model)

    def _offer(self, model: str) -> Offer | None:
        gateway = self.endpoint.gateway
        if self.listed_price is not None:
            return self.listed_price.offer(gateway.name, model, model)
        book = self.chain.model.price_book or PriceBook.bundled()
        return book.offer(gateway.price_list or gateway.name, model)


def _window_of(state: str | Path) -> str:
    """Return the window of the journal's last job."""
    with Journal(state, read_only=True) as journal:
        run = journal.last_run() or {}
    return str((run.get("settings") or {}).get("window") or f"{_SHORTEST_WINDOW}h")


def hours_of(window: object) -> int:
    """Return how many hours `24h` or `2d` are; 0 if it is no window, or too short a one."""
    match = _WINDOW.fullmatch(window) if isinstance(window, str) else None
    hours = int(match[1]) * (24 if match[2] == "d" else 1) if match else 0
    return hours if hours >= _SHORTEST_WINDOW else 0


def checked_window(window: str, service: BatchService) -> str:
    """Check how long a batch may take.

    Raises:
        UnsupportedSettingError: It is no duration, or the service does not accept it.
    """
    hours, most = hours_of(window), service.longest_window_hours
    if not hours or (most is not None and hours > most):
        longest = f"{most}h" if most else "what the gateway takes"
        raise UnsupportedSettingError(
            f"`window={window!r}` must be whole hours or days, from {_SHORTEST_WINDOW}h to "
            f'{longest}: "24h", "2d".'
        )
    return window
