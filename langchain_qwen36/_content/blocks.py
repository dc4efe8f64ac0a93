"""What a content block says, read alike by who packs it, who sends it and who counts its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEME = 16
"""Characters at the front of an address that hold its `://`; base64 never does."""


def block_option(block: Mapping[str, Any], key: str) -> Any:
    """A key of a block, or of its `extras`, where v1 blocks keep what is not standard."""
    value = block.get(key)
    extras = block.get("extras")
    return extras.get(key) if value is None and isinstance(extras, dict) else value


def is_url(text: str) -> bool:
    """Whether a text is an address and no base64; a data URL is none."""
    return "://" in text[:_SCHEME]
