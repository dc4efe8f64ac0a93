"""A client that reads bytes and looks at none: how fast the server itself is."""

from __future__ import annotations

import asyncio
import time

_BODY = b'{"model":"qwen3.6-plus","stream":%s,"messages":[{"role":"user","content":"Hello"}]}'


def _request(kind: str, size: int, *, stream: bool) -> bytes:
    body = _BODY % (b"true" if stream else b"false")
    return (
        b"POST /%s/%d/v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
        % (kind.encode(), size, len(body), body)
    )


async def _ask(port: int, request: bytes, end: bytes, times: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    for _ in range(times):
        writer.write(request)
        await reader.readuntil(end)
    writer.close()


async def _seconds(port: int, request: bytes, end: bytes, *, clients: int, times: int) -> float:
    await _ask(port, request, end, 1)
    start = time.perf_counter()
    await asyncio.gather(*(_ask(port, request, end, times) for _ in range(clients)))
    return time.perf_counter() - start


def rates(port: int) -> dict[str, float]:
    """Return requests a second and streamed chunks a second that the server gives at least."""
    whole = _request("text", 20, stream=False)
    streamed = _request("burst", 200, stream=True)
    asked = asyncio.run(_seconds(port, whole, b'"total_tokens": 40}}', clients=50, times=100))
    read = asyncio.run(_seconds(port, streamed, b"\r\n0\r\n\r\n", clients=200, times=5))
    return {"requests": 5000 / asked, "chunks": 200_000 / read}
