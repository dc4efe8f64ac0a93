"""Send one attempt over HTTP, sync or async, with its clocks and its connections.

httpx and httpcore are imported by the first call, not with the package: with the packages of
httpx's command line installed that takes 0.1 s, more than the rest of this library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from langchain_qwen36._transport.target import Target
from langchain_qwen36._transport.timeouts import CallTimeouts, Timeouts

if TYPE_CHECKING:
    from langchain_qwen36._transport.http.client import aopen_stream, open_stream
    from langchain_qwen36._transport.http.response import AsyncHTTPResponse, HTTPResponse

__all__ = [
    "AsyncHTTPResponse",
    "CallTimeouts",
    "HTTPResponse",
    "Target",
    "Timeouts",
    "aopen_stream",
    "open_stream",
]


def __getattr__(name: str) -> Any:
    """Import the modules that need httpx on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    transport = importlib.import_module("langchain_qwen36._transport.http.client")
    value = globals()[name] = getattr(transport, name)
    return value
