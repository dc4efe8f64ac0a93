"""One model call over the transport: attempts, clocks, errors, and JSON out of bytes.

stream = StreamCall(call, lambda: CompletionReader(request))
for deltas in stream:                            # async for
    ...
stream.reader, stream.meta
"""

from langchain_qwen36._transport.backoff import no_waiting
from langchain_qwen36._transport.call import ApiCall
from langchain_qwen36._transport.http import Target, Timeouts
from langchain_qwen36._transport.stream import StreamCall

__all__ = [
    "ApiCall",
    "StreamCall",
    "Target",
    "Timeouts",
    "no_waiting",
]
