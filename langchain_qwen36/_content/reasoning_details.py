"""Collect the `reasoning_details` of a response, and join those of a history, to send them back.

See docs/quirks.md#reasoning-details.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Fields that come in fragments; every other field comes whole.
# See docs/quirks.md#reasoning-details.
_FRAGMENTS = frozenset({"text", "summary", "data", "transcript"})
_SHOWN = ("text", "summary")


class Item:
    """An object that comes in fragments: an item of `reasoning_details`, or an audio answer."""

    __slots__ = ("fields", "pieces")

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.pieces: dict[str, list[str]] = {}

    def add(self, fragment: Mapping[str, Any]) -> None:
        """Add the next fragment."""
        for name, value in fragment.items():
            if name in _FRAGMENTS and isinstance(value, str):
                self.pieces.setdefault(name, []).append(value)
                # Keep the field's position.
                self.fields.setdefault(name, "")
            elif value is not None or name not in self.fields:
                self.fields[name] = value

    def whole(self) -> dict[str, Any]:
        """Return the fragments so far as one object."""
        return self.fields | {name: "".join(pieces) for name, pieces in self.pieces.items()}


class ReasoningDetails:
    """The items of one answer in the order of their first fragments.

    Fragments belong together by (type, index): a summary and an encrypted item may share an
    index. An item without an index is whole.
    """

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._open: dict[tuple[str, str], Item] = {}

    @property
    def items(self) -> list[dict[str, Any]]:
        """Return the items in the form that goes back to the server."""
        return [item.whole() for item in self._items]

    def add(self, fragments: Iterable[Any]) -> str:
        """Add the items of one delta; return the reasoning in them as text."""
        shown = ""
        for fragment in fragments:
            if isinstance(fragment, dict):
                self._item(fragment).add(fragment)
                for name in _SHOWN:
                    text = fragment.get(name)
                    if text and isinstance(text, str):
                        shown += text
        return shown

    def _item(self, fragment: Mapping[str, Any]) -> Item:
        """Return the item that a fragment belongs to, or a new one."""
        index = fragment.get("index")
        key = (str(fragment.get("type")), str(index))
        item = self._open.get(key)
        if item is None or index is None or _is_other(item, fragment):
            item = self._open[key] = Item()
            self._items.append(item)
        return item


def joined_details(details: Iterable[Any]) -> list[Any]:
    """Return the items of a message of any class in the form that goes back to the server.

    Other chat models keep every fragment of a stream as an item of its own; consecutive fragments
    of one type and index are joined. Our own items stay unchanged.
    """
    items: list[Any] = []
    run: tuple[Any, Any, Item] | None = None
    for fragment in details:
        if not isinstance(fragment, dict):
            items.append(fragment)
            run = None
            continue
        kind, index = fragment.get("type"), fragment.get("index")
        if run is None or index is None or run[:2] != (kind, index) or _is_other(run[2], fragment):
            run = (kind, index, Item())
            items.append(run[2])
        run[2].add(fragment)
    return [item.whole() if isinstance(item, Item) else item for item in items]


def _is_other(item: Item, fragment: Mapping[str, Any]) -> bool:
    """Return whether a fragment has another id than the item before it."""
    known, given = item.fields.get("id"), fragment.get("id")
    return bool(known and given and known != given)
