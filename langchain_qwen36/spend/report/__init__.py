"""The report of a ledger: one HTML page that needs no network."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from langchain_qwen36.spend.report.page import render

if TYPE_CHECKING:
    from langchain_qwen36.spend.report.data import ReportData


@dataclass(frozen=True, slots=True)
class SpendReport:
    """A report; a notebook draws it if it is the last line of a cell."""

    data: ReportData

    @property
    def html(self) -> str:
        """The whole page."""
        return render(self.data)

    def save(self, path: str | Path) -> Path:
        """Write the page to a file."""
        target = Path(path)
        target.write_text(self.html, encoding="utf-8")
        return target

    def _repr_html_(self) -> str:
        """Return the page in a frame, so that a notebook's styles do not apply to it."""
        return (
            f'<iframe srcdoc="{escape(self.html)}" '
            'style="width:100%;height:44rem;border:0" title="Spend report"></iframe>'
        )
