"""Parse the vectors of a response to `/embeddings`."""

from __future__ import annotations

import binascii
import math
import struct
from typing import TYPE_CHECKING, Any

from langchain_qwen36._response.payload import parse_object, unexpected_response
from langchain_qwen36.errors import UnexpectedResponseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36._response.payload import HTTPBody, ResponseContext

Vector = list[float]

_FLOAT32 = 4
"""Bytes of a number."""


def parse_payload(context: ResponseContext, body: HTTPBody) -> dict[str, Any]:
    """Parse the response.

    Raises:
        QwenError: The response is an error, or no JSON object.
    """
    return parse_object(context, body, "list of embeddings")


def vectors_in(
    payload: Mapping[str, Any],
    context: ResponseContext,
    body: HTTPBody,
    *,
    count: int,
    dimensions: int | None,
) -> list[Vector]:
    """Return the vectors in the order of the texts.

    Args:
        payload: The parsed response.
        context: The context of the request, for the errors.
        body: The response, for the errors.
        count: Number of texts that were sent.
        dimensions: The requested size, if any.

    Raises:
        UnexpectedResponseError: the number of vectors differs from the texts, their sizes differ,
            or the size is not the requested one.
    """
    vectors = _in_order(payload.get("data"), count)
    if vectors is None or len({len(vector) for vector in vectors}) > 1:
        raise unexpected_response(context, body, f"list of {count} embeddings")
    if dimensions is not None and len(vectors[0]) != dimensions:
        raise UnexpectedResponseError(
            f"{context.url} sent vectors of {len(vectors[0])} dimensions, and {dimensions} were "
            "asked for: this server or model cannot cut them, leave `dimensions` out.",
            status_code=body.status,
            is_retryable=False,
        )
    return vectors


def _in_order(entries: Any, count: int) -> list[Vector] | None:
    """Return one vector for each index from 0; None if one is missing, broken or repeated."""
    if not isinstance(entries, list) or len(entries) != count:
        return None
    found: dict[int, Vector] = {}
    for position, entry in enumerate(entries):
        if not isinstance(entry, dict) or (vector := _vector(entry.get("embedding"))) is None:
            return None
        index = entry.get("index", position)
        if not isinstance(index, int) or not 0 <= index < count or index in found:
            return None
        found[index] = vector
    return [found[index] for index in range(count)]


def _vector(value: Any) -> Vector | None:
    if isinstance(value, str):
        return _from_base64(value)
    # llama.cpp wraps the vector of a pooled text in a list.
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    if not isinstance(value, list) or not value:
        return None
    if not all(type(number) in (float, int) and math.isfinite(number) for number in value):
        return None
    return [float(number) for number in value]


def _from_base64(text: str) -> Vector | None:
    """Decode little-endian float32, OpenAI's `encoding_format: base64`."""
    try:
        raw = binascii.a2b_base64(text, strict_mode=True)
        numbers = struct.unpack(f"<{len(raw) // _FLOAT32}f", raw)
    except (binascii.Error, ValueError, struct.error):
        return None
    return list(numbers) if numbers and all(map(math.isfinite, numbers)) else None
