"""The reading methods of a handler: sums, groups, reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_qwen36.callbacks.ledger import Ledger, runs_of
from langchain_qwen36.callbacks.reports import export
from langchain_qwen36.callbacks.reports import tables as report
from langchain_qwen36.callbacks.reports.rows import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal
    from os import PathLike
    from uuid import UUID

    from rich.table import Table

    from langchain_qwen36.callbacks.records import CallRecord, Summary, TokenCounts


class LedgerView:
    """The sums and reports of a ledger, at any time and from any thread."""

    _ledger: Ledger

    @property
    def runs(self) -> tuple[CallRecord, ...]:
        """A record for each call, in the order in which they ended."""
        return self._ledger.records

    @property
    def total_cost(self) -> Decimal | None:
        """The cost of all calls together.

        Calls without a known price are left out (`unpriced_calls`, `partial`); it is None if no
        call has a known price.

        Raises:
            ValueError: Calls were paid in several currencies; `costs` has a sum for each.
        """
        return self.summary().cost

    @property
    def costs(self) -> dict[str, Decimal]:
        """The sum of each currency."""
        return dict(self.summary().costs)

    @property
    def partial(self) -> bool:
        """Whether the cost of some calls is missing from the sums."""
        return self.summary().partial

    @property
    def tokens(self) -> TokenCounts:
        """Tokens of the calls that went to a gateway."""
        return self.summary().tokens

    @property
    def calls(self) -> int:
        """Calls that went to a gateway, whatever their end."""
        return self.summary().calls

    @property
    def cached_calls(self) -> int:
        """Calls that LangChain's cache answered, at no cost; not in `calls`."""
        return self.summary().cached_calls

    @property
    def unpriced_calls(self) -> int:
        """Calls without a known price; `total_cost` does not include them."""
        return self.summary().unpriced_calls

    @property
    def failed_calls(self) -> int:
        """Calls that ended in an error."""
        return self.summary().failed_calls

    @property
    def aborted_calls(self) -> int:
        """Calls that were cancelled or abandoned."""
        return self.summary().aborted_calls

    @property
    def estimated_calls(self) -> int:
        """Calls whose tokens are our own count, since the gateway's never came."""
        return self.summary().estimated_calls

    def summary(self, run_id: UUID | None = None) -> Summary:
        """Return the sums of all calls, or of those of one run: a call, chain, agent or node."""
        return self._ledger.summary(run_id)

    def cost_of(self, run_id: UUID) -> Decimal | None:
        """Return the cost of one run, with all that ran inside it, computed like `total_cost`.

        Raises:
            ValueError: The run's calls were paid in several currencies; see
                `summary(run_id).costs`.
        """
        return self.summary(run_id).cost

    def by_run(self) -> dict[UUID, Summary]:
        """Return the sums of every run: of each call, and of each run that calls were made in."""
        return self._ledger.group(runs_of)

    def by_model(self) -> dict[str | None, Summary]:
        """Return the sums per model id."""
        return self._ledger.group(lambda record: (record.model,))

    def by_gateway(self) -> dict[str | None, Summary]:
        """Return the sums per gateway."""
        return self._ledger.group(lambda record: (record.gateway,))

    def by_tier(self) -> dict[str | None, Summary]:
        """Return the sums per price tier's label."""
        return self._ledger.group(lambda record: (record.tier,))

    def by_tag(self) -> dict[str, Summary]:
        """Return the sums per tag; a call counts under each of its tags."""
        return self._ledger.group(lambda record: dict.fromkeys(record.tags))

    def report(self) -> Table:
        """Return a table of calls, tiers, tokens and cost: `rich.print(handler.report())`.

        Raises:
            ImportError: The extra `report` is not installed.
        """
        return report.rich_table(self.runs)

    def to_json(self) -> str:
        """Return all records and sums, under a `schema` number; amounts are decimal texts."""
        groups: dict[str, Mapping[Any, Summary]] = {
            "by_model": self.by_model(),
            "by_gateway": self.by_gateway(),
            "by_tier": self.by_tier(),
            "by_tag": self.by_tag(),
        }
        return export.to_json(self.runs, self.summary(), groups)

    def to_csv(self, path: str | PathLike[str] | None = None) -> str:
        """Return a line for each call, as text; also written to `path` if one is given."""
        text = export.to_csv(self.runs)
        if path is not None:
            Path(path).write_bytes(text.encode())
        return text

    def __str__(self) -> str:
        return one_line(self.summary())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return report.html_table(self.runs)
