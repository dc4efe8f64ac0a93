"""One model call over the transport: attempts, clocks, errors, and JSON out of bytes.

payload, meta = post(call)                       # await apost(call)

stream = StreamCall(call, lambda: StreamReader(request))
for deltas in stream:                            # async for
...
stream.reader, stream.meta
"""

from langchain_qwen36._call.call import Call, apost, post
from langchain_qwen36._call.feed import Reader
from langchain_qwen36._call.retries import no_waiting
from langchain_qwen36._call.stream import StreamCall
from langchain_qwen36._http import Target, Timeouts

__all__ = [
    "Call",
    "Reader",
    "StreamCall",
    "Target",
    "Timeouts",
    "apost",
    "no_waiting",
    "post",
]
