"""Plays a cassette: every exchange, once, against the very bodies that were recorded."""

from __future__ import annotations

import difflib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import vcr

from langchain_qwen36 import ChatQwen36
from taping.readable import Readable, yaml_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vcr.cassette import Cassette
    from vcr.request import Request


def same_body(sent: Request, recorded: Request) -> None:
    """Return a matcher for vcrpy.

    Which by itself looks at no body; the difference goes to its message.
    """
    texts = [_lines(request.body) for request in (recorded, sent)]
    if texts[0] != texts[1]:
        diff = difflib.unified_diff(*texts, "recorded", "sent", lineterm="")
        raise AssertionError("\n" + "\n".join(diff))


def _lines(body: bytes) -> list[str]:
    return json.dumps(json.loads(body), indent=1, sort_keys=True, ensure_ascii=False).split("\n")


def tape(readable: Readable, **settings: Any) -> vcr.VCR:
    """Return the vcrpy of this project."""
    found = vcr.VCR(serializer="readable", match_on=("method", "uri", "same_body"), **settings)
    found.register_serializer("readable", readable)
    found.register_matcher("same_body", same_body)
    return found


@contextmanager
def played(path: Path) -> Iterator[Cassette]:
    """Let calls in the block be answered from the file, and from nowhere else.

    Raises:
        AssertionError: the block ended well, and left something of the file unplayed.
    """
    with tape(Readable(), record_mode="none").use_cassette(str(path)) as cassette:
        yield cassette
    left = [number for number in range(len(cassette)) if not cassette.play_counts[number]]
    assert left == [], (
        f"{path} was only partly played: exchanges {left} of {len(cassette)} are left"
    )


def head_of(path: Path) -> dict[str, Any]:
    """Return what stands above a file's exchanges."""
    return {key: value for key, value in _read(path).items() if key != "interactions"}


def urls_of(path: Path) -> list[str]:
    """Where its requests went."""
    return [exchange["request"]["uri"] for exchange in _read(path)["interactions"]]


def model_of(path: Path) -> ChatQwen36:
    """Return the model that a file was recorded with, at the address that stands in it."""
    base_url = urls_of(path)[0].removesuffix("/chat/completions")
    where = {"gateway": path.parent.name, "base_url": base_url, "max_retries": 0}
    return ChatQwen36(**{"api_key": "of-nobody", **where, **head_of(path)["settings"]})


def _read(path: Path) -> dict[str, Any]:
    return yaml_of(path.read_text("utf-8"))
