"""Advance one batch from its requests to its results, each step saved before the next.

A part is `planned`, `uploaded`, `creating`, `running`, `over`, `collected`, `finished`. After a
crash the next process continues from the last state in the journal. A batch is searched for before
it is created a second time: docs/quirks.md#batches-that-are-made-twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from langchain_qwen36._logging import logger_for
from langchain_qwen36.bulk.batch.actions import Wait, Work
from langchain_qwen36.bulk.batch.collecting import collect_rows, lose_rows, refuse_rows
from langchain_qwen36.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    QwenError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_qwen36.bulk.batch.actions import Steps
    from langchain_qwen36.bulk.batch.collecting import RowReader
    from langchain_qwen36.bulk.batch.spending import BatchSpending
    from langchain_qwen36.bulk.batch.states import RemoteBatch
    from langchain_qwen36.bulk.batch.store import BatchStore, Part

logger = logger_for(__name__)

_REFUSALS = (InvalidRequestError, AuthenticationError, PermissionDeniedError, NotFoundError)
"""Errors after which the gateway certainly did not do what was requested."""
_LOOK_AGAIN = (0.0, 2.0, 10.0, 20.0)
"""Seconds before each search for a batch that may have been created: a list may lag behind."""
_TRIES = 3
_MAX_FAILED_POLLS = 20
_MAX_UNKNOWN = 3
"""Responses that a batch is not known, after which it is given up."""


class Wire(Protocol):
    """The API of one form of batches; each method returns steps."""

    def upload(self, part: Part, path: Path) -> Steps[str]:
        """Upload the requests; return the id of the file, empty if there is none."""

    def create(self, part: Part, path: Path) -> Steps[RemoteBatch | None]:
        """Create the batch, by one request; return None if the response cannot be read."""

    def find(self, part: Part, known: frozenset[str]) -> Steps[list[RemoteBatch]]:
        """Find batches that were created from the part, oldest first."""

    def look(self, part: Part) -> Steps[RemoteBatch]:
        """Read the state of the batch."""

    def fetch(self, part: Part, folder: Path) -> Steps[list[Path]]:
        """Fetch the results into files."""

    def cancel(self, part: Part) -> Steps[None]:
        """Request the batch's end."""

    def delete(self, part: Part) -> Steps[None]:
        """Delete the files that the part left at the gateway."""


@dataclass(frozen=True, slots=True)
class BatchSteps:
    """Advances the parts of one journal."""

    store: BatchStore
    wire: Wire
    reader: RowReader
    spending: BatchSpending
    failed_polls: dict[int, int] = field(default_factory=dict)
    """Number of failed readings in a row, by part."""

    def advance(self, part: Part) -> Steps[None]:
        """Advance a part as far as possible now, without waiting for its end.

        Raises:
            QwenError: The gateway refuses the part, or cannot be reached; the completed steps are
                in the journal.
        """
        if part.state in ("planned", "uploaded", "creating"):
            yield from self._submit(part)
        elif part.state == "running":
            yield from self._poll(part)
        if part.state == "over":
            yield from self._collect(part)
        if part.state == "collected":
            yield from self._clean_up(part)

    def submit(self, part: Part) -> Steps[None]:
        """Upload a part and create its batch, unless that is done."""
        if part.state in ("planned", "uploaded", "creating"):
            yield from self._submit(part)

    def look(self, part: Part) -> Steps[None]:
        """Read the state of a part's batch, and no more."""
        if part.batch_id and part.is_running:
            remote = yield from self.wire.look(part)
            self._note(part, remote)
            self.store.save(part)

    def cancel(self, part: Part) -> Steps[None]:
        """Request the end of a part's batch; one that was never created ends here."""
        if part.state == "creating" and not (yield from self._find(part)):
            self._set(part, "uploaded")
        if part.state in ("planned", "uploaded"):
            yield Work(lambda: refuse_rows(self.store, part, None))
            yield from self._settle(part)
        elif part.state == "running":
            yield from self.wire.cancel(part)
            yield from self._poll(part)

    # Creating the batch.

    def _submit(self, part: Part) -> Steps[None]:
        path = self.store.path(part)
        if part.state == "planned":
            part.input_file = yield from self.wire.upload(part, path)
            self._set(part, "uploaded")
        failure: QwenError | None = None
        for _ in range(_TRIES):
            if part.state == "creating" and (yield from self._find(part)):
                return
            # Saved before it is sent: after a crash the next process searches for the batch first.
            self._set(part, "creating")
            try:
                remote = yield from self.wire.create(part, path)
            except _REFUSALS as error:
                yield from self._take_back(part)
                raise error from None
            except QwenError as error:
                failure = error
                continue
            if remote is not None:
                self._adopt(part, remote)
                return
            failure = UnexpectedResponseError("The answer describes no batch.")
        if (yield from self._find(part)):
            return
        raise failure or UnexpectedResponseError("The batch could not be made.")

    def _find(self, part: Part) -> Steps[bool]:
        """Find a batch that an earlier request may have created, and take it over."""
        known = frozenset(other.batch_id for other in self.store.parts() if other.batch_id)
        for seconds in _LOOK_AGAIN:
            if seconds:
                yield Wait(seconds)
            found = yield from self.wire.find(part, known)
            if found:
                self._adopt(part, found[0])
                yield from self._cancel_others(part, found[1:])
                return True
        return False

    def _cancel_others(self, part: Part, others: list[RemoteBatch]) -> Steps[None]:
        """Cancel batches that were created from the same file: each of them would be billed."""
        own = part.batch_id
        for other in others:
            if other.is_over:
                continue
            logger.warning("Batch %s repeats %s: it is cancelled.", other.id, own)
            part.batch_id = other.id
            try:
                yield from self.wire.cancel(part)
            finally:
                part.batch_id = own

    def _adopt(self, part: Part, remote: RemoteBatch) -> None:
        part.batch_id = remote.id
        self._note(part, remote)
        self._set(part, "running")

    def _take_back(self, part: Part) -> Steps[None]:
        """Delete the input file of a refused batch; the part starts again next time."""
        try:
            yield from self.wire.delete(part)
        except QwenError as error:
            logger.warning("The file %s is left at the gateway: %s", part.input_file, error)
        part.input_file = ""
        self._set(part, "planned")

    # The end of the batch.

    def _poll(self, part: Part) -> Steps[None]:
        failures = self.failed_polls.get(part.number, 0)
        try:
            remote = yield from self.wire.look(part)
        except QwenError as error:
            self.failed_polls[part.number] = failures + 1
            if isinstance(error, NotFoundError) and failures + 1 >= _MAX_UNKNOWN:
                yield Work(partial(lose_rows, self.store, part, error))
                yield from self._settle(part)
            elif isinstance(error, NotFoundError) or (
                error.is_retryable and failures + 1 < _MAX_FAILED_POLLS
            ):
                logger.warning("Batch %s cannot be looked at now: %s", part.batch_id, error)
            else:
                raise
            return
        self.failed_polls.pop(part.number, None)
        self._note(part, remote)
        self._set(part, "over" if remote.is_over else "running")

    def _collect(self, part: Part) -> Steps[None]:
        if part.status == "failed" and not part.output_file and not part.error_file:
            errors = part.detail.get("errors") or ()
            yield Work(lambda: refuse_rows(self.store, part, errors))
        else:
            yield from self._collect_rows(part)
        yield from self._settle(part)

    def _settle(self, part: Part) -> Steps[None]:
        """Settle the cost of a part, whose rows have all ended."""
        yield Work(partial(self.spending.settle, part))
        self._set(part, "collected")

    def _collect_rows(self, part: Part) -> Steps[None]:
        """Fetch the results, again if fewer rows came than were counted."""
        for attempt in range(_TRIES):
            if attempt:
                yield Wait(2.0**attempt)
                yield from self._refresh(part)
            paths = yield from self.wire.fetch(part, self.store.folder)
            is_last = attempt == _TRIES - 1
            collect = partial(collect_rows, self.store, part, paths, self.reader)
            whole = yield Work(partial(collect, is_last=is_last))
            if whole:
                return

    def _refresh(self, part: Part) -> Steps[None]:
        """Read the names of the files again, since they may appear late."""
        try:
            yield from self.look(part)
        except QwenError as error:
            logger.warning("Batch %s cannot be looked at now: %s", part.batch_id, error)

    def _clean_up(self, part: Part) -> Steps[None]:
        try:
            yield from self.wire.delete(part)
        except QwenError as error:
            # The results are stored. Files that are left use up the account's space.
            logger.warning("The files of batch %s cannot be deleted: %s", part.batch_id, error)
            if error.is_retryable:
                return
        self.store.remove_files(part)
        self._set(part, "finished")

    def _note(self, part: Part, remote: RemoteBatch) -> None:
        part.output_file = remote.output_file or part.output_file
        part.error_file = remote.error_file or part.error_file
        part.detail |= {
            "status": remote.status,
            "completed": remote.completed,
            "failed": remote.failed,
            "created": remote.created,
            "errors": list(remote.errors),
        }

    def _set(self, part: Part, state: str) -> None:
        part.state = state  # type: ignore[assignment] # of `PartState`
        self.store.save(part)
