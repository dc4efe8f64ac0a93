"""Send one model call: attempts, timeouts and errors; turn the response bytes into JSON.

stream = StreamCall(call, lambda: CompletionReader(request))
for deltas in stream:                            # async for
    ...
stream.reader, stream.meta

A module is imported on first use of its names: the first call needs most of them, the package's
import none.
"""

from typing import TYPE_CHECKING

from langchain_qwen36._lazy_names import lazy_names

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

__getattr__ = lazy_names(__name__, _MODULES)
