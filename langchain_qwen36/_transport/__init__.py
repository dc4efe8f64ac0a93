"""Send one model call: attempts, timeouts and errors; turn the response bytes into JSON.

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
