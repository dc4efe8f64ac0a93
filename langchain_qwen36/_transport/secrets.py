"""Collect the values of a request that may be secret, to redact them in responses."""

from __future__ import annotations

import base64
import functools
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from langchain_qwen36._transport.target import Target

_MIN_LENGTH = 8
"""Least characters of a key; replacing shorter values would damage ordinary text."""
_OURS = frozenset({"user-agent", "accept", "accept-encoding", "content-type"})
"""Headers whose values are no secrets."""


def secrets_of(target: Target) -> tuple[bytes, ...]:
    """Return what errors must not quote: values of headers and query, the proxy's password."""
    return _secrets(tuple(target.headers.items()), target.url, target.proxy or "")


@functools.lru_cache(maxsize=64)
def _secrets(headers: tuple[tuple[str, str], ...], url: str, proxy: str) -> tuple[bytes, ...]:
    values = {
        form
        for value in (*_in_headers(headers), *_in_query(url), *_in_proxy(proxy))
        for form in (value, json.dumps(value)[1:-1])
        if len(value) >= _MIN_LENGTH
    }
    # The longest first: one value may be a part of another.
    return tuple(value.encode() for value in sorted(values, key=len, reverse=True))


def _in_headers(headers: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in headers:
        if name.lower() not in _OURS:
            yield value
            yield value.rpartition(" ")[2]  # without the scheme, such as Bearer
            if name.lower() == "cookie":
                yield from (pair.partition("=")[2] for pair in re.split(r";\s*", value))


def _in_query(url: str) -> Iterator[str]:
    for pair in url.partition("?")[2].split("&"):
        value = pair.partition("=")[2]
        yield value
        yield unquote_plus(value)


def _in_proxy(proxy: str) -> Iterator[str]:
    parts = urlsplit(proxy)
    if parts.password:
        user, password = unquote_plus(parts.username or ""), unquote_plus(parts.password)
        yield password
        yield base64.b64encode(f"{user}:{password}".encode()).decode()
