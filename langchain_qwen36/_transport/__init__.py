"""Send one model call: attempts, timeouts and errors; turn the response bytes into JSON.

stream = StreamCall(call, lambda: CompletionReader(request))
for deltas in stream:                            # async for
    ...
stream.reader, stream.meta

A module is imported on first use of its names: the first call needs most of them, the package's
import none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_qwen36._transport.backoff import no_waiting
    from langchain_qwen36._transport.call import ApiCall
    from langchain_qwen36._transport.stream import StreamCall
    from langchain_qwen36._transport.target import Target
    from langchain_qwen36._transport.timeouts import Timeouts

__all__ = [
    "ApiCall",
    "StreamCall",
    "Target",
    "Timeouts",
    "no_waiting",
]

_MODULES = {
    "ApiCall": "call",
    "StreamCall": "stream",
    "Target": "target",
    "Timeouts": "timeouts",
    "no_waiting": "backoff",
}


def __getattr__(name: str) -> Any:
    """Import the module of a name on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"langchain_qwen36._transport.{_MODULES[name]}")
    value = globals()[name] = getattr(module, name)
    return value
