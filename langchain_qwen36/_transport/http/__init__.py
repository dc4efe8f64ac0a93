"""The transport: one attempt, sync or async, with its clocks and its connections.

httpx and httpcore are imported with the first call, not with the package: where httpx finds its
command line's packages that is 0.1 s, more than all the rest of this library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from langchain_qwen36._http.clocks import Clock, Timeouts
from langchain_qwen36._http.target import Reply, Target

if TYPE_CHECKING:
    from langchain_qwen36._http.answer import Answer, AsyncAnswer
    from langchain_qwen36._http.transport import aopen_stream, apost, open_stream, post

__all__ = [
    "Answer",
    "AsyncAnswer",
    "Clock",
    "Reply",
    "Target",
    "Timeouts",
    "aopen_stream",
    "apost",
    "open_stream",
    "post",
]


def __getattr__(name: str) -> Any:
    """Import what speaks HTTP when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    transport = importlib.import_module("langchain_qwen36._http.transport")
    value = globals()[name] = getattr(transport, name)
    return value
