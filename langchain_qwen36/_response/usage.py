"""Convert a usage object, in any gateway's spelling, to LangChain's `UsageMetadata`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Paths(NamedTuple):
    """Paths to a count in the usage object: the first number wins.

    Two names for one number (docs/quirks.md#names-of-cached-tokens) therefore never add up.
    """

    keys: frozenset[str]
    """The first key of each path; most usage objects have none of them."""
    paths: tuple[tuple[str, ...], ...]


def _paths(*dotted: str) -> _Paths:
    paths = tuple(tuple(path.split(".")) for path in dotted)
    return _Paths(frozenset(path[0] for path in paths), paths)


_INPUT = _paths("prompt_tokens", "input_tokens")
_OUTPUT = _paths("completion_tokens", "output_tokens")
_CACHE_READ = _paths(
    "prompt_tokens_details.cached_tokens",
    "input_tokens_details.cached_tokens",
    "prompt_cache_hit_tokens",
    "cache_read_input_tokens",
    "cached_tokens",
)
_CACHE_CREATION = _paths(
    "prompt_tokens_details.cache_creation_input_tokens",
    "prompt_tokens_details.cache_creation.ephemeral_5m_input_tokens",
    "prompt_tokens_details.cache_write_tokens",
    "cache_creation_input_tokens",
)
_REASONING = _paths(
    "completion_tokens_details.reasoning_tokens",
    "output_tokens_details.reasoning_tokens",
    "reasoning_tokens",
)
_MEDIA = {
    kind: _paths(f"prompt_tokens_details.{kind}_tokens") for kind in ("image", "video", "audio")
}
_AUDIO_OUT = _paths("completion_tokens_details.audio_tokens")


def from_wire(raw: Mapping[str, Any] | None) -> UsageMetadata | None:
    """Convert a usage object; None if the server counted nothing.

    All values are ints and none is None, so that sums never fail:
    docs/quirks.md#floats-in-usage-metadata. The input details are disjoint: `text_tokens` are
    left out, and so are image, video and audio tokens where they overlap with cached ones.
    Reasoning is a part of the output, never added to it:
    docs/quirks.md#reasoning-tokens-and-output-tokens.
    """
    if not raw:
        return None
    read = _first(raw, _INPUT)
    written = _first(raw, _OUTPUT)
    total = _count(raw.get("total_tokens"))
    if read is None and written is None and total is None:
        return None
    if read is None:
        read = max((total or 0) - (written or 0), 0)
    if written is None:
        written = max((total or 0) - read, 0)
    usage = UsageMetadata(
        input_tokens=read, output_tokens=written, total_tokens=max(total or 0, read + written)
    )
    if input_details := _input_details(raw, read):
        usage["input_token_details"] = input_details
    if output_details := _output_details(raw, written):
        usage["output_token_details"] = output_details
    return usage


def counted(raw: Mapping[str, Any]) -> bool:
    """Return whether a usage object counts anything: all zeros must not replace real numbers.

    See docs/quirks.md#usage-on-every-chunk.
    """
    return bool(_first(raw, _INPUT) or _first(raw, _OUTPUT) or _count(raw.get("total_tokens")))


def later(raw: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the newer of two usage objects, with the counts that only the older one has.

    Some servers count the input in the first chunk and the output in the last one.
    """
    if not raw or raw is new:
        return new
    lacking = [paths for paths in (_INPUT, _OUTPUT) if not _first(new, paths)]
    if not any(_first(raw, paths) for paths in lacking):
        return new
    return {**raw, **{name: value for name, value in new.items() if value or name not in raw}}


def _input_details(raw: Mapping[str, Any], read: int) -> InputTokenDetails:
    details: dict[str, Any] = {}
    for name, paths in (("cache_read", _CACHE_READ), ("cache_creation", _CACHE_CREATION)):
        if (count := _first(raw, paths)) is not None:
            details[name] = count
    media = {kind: count for kind, paths in _MEDIA.items() if (count := _first(raw, paths))}
    if sum(details.values()) + sum(media.values()) <= read:
        details |= media
    # Core allows kinds that its type does not name.
    return cast("InputTokenDetails", details)


def _output_details(raw: Mapping[str, Any], written: int) -> OutputTokenDetails:
    details = OutputTokenDetails()
    reasoning = _first(raw, _REASONING)
    if reasoning is not None:
        # Some gateways count reasoning beside the output; a part cannot exceed the whole. The raw
        # numbers stay in response_metadata: docs/quirks.md#reasoning-tokens-and-output-tokens.
        details["reasoning"] = min(reasoning, written)
    if audio := _first(raw, _AUDIO_OUT):
        details["audio"] = audio
    return details


def _first(raw: Mapping[str, Any], paths: _Paths) -> int | None:
    if paths.keys.isdisjoint(raw):
        return None
    for name, *inner in paths.paths:
        value: Any = raw.get(name)
        for key in inner:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None and (count := _count(value)) is not None:
            return count
    return None


_MAX_COUNT = 10**12
"""Most tokens; a larger number is no count, nor is one below 0, as some servers write unknown."""
_MAX_DIGITS = 13


def _count(value: Any) -> int | None:
    if type(value) is int:
        return value if 0 <= value < _MAX_COUNT else None
    if isinstance(value, str) and value.isdecimal() and len(value) <= _MAX_DIGITS:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < _MAX_COUNT else None
