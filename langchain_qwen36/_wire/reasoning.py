"""Collects `reasoning_details`, so that they can go back unmodified (P26)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# The fields that come in fragments (gateways.md §4.3); every other field comes whole.
_FRAGMENTS = ("text", "summary", "data")


class ReasoningDetails:
    """The items of one answer in the order of their first fragments.

    Fragments belong together by (type, index): a summary and an encrypted item may share an
    index. An item without an index is whole.
    """

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self._open: dict[tuple[Any, Any], dict[str, Any]] = {}

    def add(self, fragments: Iterable[Any]) -> str:
        """Take the items of one delta, give back the thoughts in them as text."""
        shown: list[str] = []
        for fragment in fragments:
            if isinstance(fragment, Mapping):
                self._add(fragment)
                shown += [
                    text
                    for key in ("text", "summary")
                    if isinstance(text := fragment.get(key), str)
                ]
        return "".join(shown)

    def _add(self, fragment: Mapping[str, Any]) -> None:
        index = fragment.get("index")
        key = (fragment.get("type"), index)
        item = self._open.get(key) if index is not None else None
        if item is None or _other_id(item, fragment):
            item = dict(fragment)
            self.items.append(item)
            self._open[key] = item
            return
        for name, value in fragment.items():
            if name in _FRAGMENTS and isinstance(value, str) and isinstance(item.get(name), str):
                item[name] += value
            elif value is not None or name not in item:
                item[name] = value


def _other_id(item: Mapping[str, Any], fragment: Mapping[str, Any]) -> bool:
    return bool(item.get("id") and fragment.get("id") and item["id"] != fragment["id"])
