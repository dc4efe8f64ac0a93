"""Send one attempt over HTTP, sync or async, with its clocks and its connections.

httpx and httpcore are imported by the first call, not with the package: with the packages of
httpx's command line installed that takes 0.1 s, more than the rest of this library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_qwen36._lazy_names import lazy_names
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

_MODULES = {
    "AsyncHTTPResponse": "response",
    "HTTPResponse": "response",
    "aopen_stream": "client",
    "open_stream": "client",
}

__getattr__ = lazy_names(__name__, _MODULES)
