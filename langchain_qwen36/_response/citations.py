"""Convert the sources that an answer cites to the form of LangChain's text blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_OURS = {"url": "url", "title": "title", "cited_text": "content"}
"""LangChain's names, and those of the response."""


def with_citations(block: dict[str, Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a text block with the `annotations` of its message's additional_kwargs, if any."""
    notes = kwargs.get("annotations")
    found = [_citation(note) for note in notes or () if isinstance(note, dict)]
    return {**block, "annotations": found} if found else block


def _citation(note: Mapping[str, Any]) -> dict[str, Any]:
    if note.get("type") != "url_citation":
        return {"type": "non_standard_annotation", "value": dict(note)}
    inner = note.get("url_citation")
    fields: Mapping[str, Any] = inner if isinstance(inner, dict) else note
    citation = {"type": "citation"} | {
        ours: fields[theirs] for ours, theirs in _OURS.items() if fields.get(theirs)
    }
    # A search that read whole pages sends 0 to 0: it does not know which words came from where.
    if fields.get("end_index"):
        citation |= {key: fields[key] for key in ("start_index", "end_index") if key in fields}
    return citation
