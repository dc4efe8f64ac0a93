"""A Chat Completions server of bytes that it had ready: `python -m benchmarks.server CERTIFICATE`.

It prints its two ports, bare and with TLS. The first two steps of a request's path say what it
writes:

    /text/200/…   an answer of 200 words; streamed, a chunk for each, in one write
    /burst/200/…  the same in writes of 20 chunks, every other open stream having its turn between
    /paced/100/…  100 chunks, one every 20 ms: a model that writes 50 tokens a second
    /held/20/…    20 chunks, and then nothing until the client leaves
    /args/9000/…  one tool call whose arguments come in 9000 deltas of 4 bytes

Every event is an HTTP chunk of its own, as servers that flush after each event send it.
"""

from __future__ import annotations

import asyncio
import functools
import json
import resource
import ssl
import sys

WORD = "word"
_BURST = 20
_PACE = 0.02
"""Seconds from one paced chunk to the next."""
_HEAD = {
    "id": "chatcmpl-5f1b7c1e-8a52-9d2b-b2a4-6f1f3f0c9d11",
    "created": 1765000000,
    "model": "qwen3.6-plus",
    "system_fingerprint": None,
}
_STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"transfer-encoding: chunked\r\nx-request-id: 5f1b7c1e-8a52\r\n\r\n"
)
_END = b"0\r\n\r\n"


def _usage(words: int) -> dict[str, int]:
    return {"prompt_tokens": 20, "completion_tokens": words, "total_tokens": 20 + words}


def _http_chunk(payload: bytes) -> bytes:
    event = b"data: " + payload + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)


def _event(delta: dict[str, object] | None, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    choices = [] if delta is None else [choice]
    usage = _usage(200) if delta is None else None
    body = {**_HEAD, "object": "chat.completion.chunk", "choices": choices, "usage": usage}
    return _http_chunk(json.dumps(body, separators=(",", ":")).encode())


def _call(arguments: str, **more: object) -> dict[str, object]:
    function = {"arguments": arguments, **({"name": "write"} if more else {})}
    return {"tool_calls": [{"index": 0, "function": function, **more}]}


def _parts(kind: str, size: int) -> list[bytes]:
    """Return the writes of one streamed answer."""
    if kind == "args":
        opening = _call('{"text":"', id="call_8f2e", type="function")
        deltas = [_event(opening), _event(_call(WORD)) * size, _event(_call('"}'))]
        end = _event({}, "tool_calls")
    else:
        first, word = _event({"role": "assistant", "content": ""}), _event({"content": WORD})
        whole, rest = divmod(size, {"burst": _BURST, "paced": 1}.get(kind, size))
        deltas = [first, *[word * ((size - rest) // whole)] * whole, word * rest]
        end = _event({}, "stop")
    if kind == "held":
        return [b"".join([_STREAM, *deltas])]
    deltas.append(end + _event(None) + _http_chunk(b"[DONE]") + _END)
    deltas[0] = _STREAM + deltas[0]
    return deltas if kind in ("burst", "paced") else [b"".join(deltas)]


def _whole(size: int) -> bytes:
    message = {"role": "assistant", "content": " ".join([WORD] * size)}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    answer = {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _usage(size)}
    body = json.dumps(answer).encode()
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: 5f1b7c1e-8a52\r\n"
        b"content-length: %d\r\n\r\n%s" % (len(body), body)
    )


@functools.cache
def answer(path: bytes, *, stream: bool) -> list[bytes]:
    """Return the writes that answer a request, made once for each path."""
    _, kind, size, *_ = path.decode().split("/")
    return _parts(kind, int(size)) if stream else [_whole(int(size))]


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self) -> None:
        self._request = bytearray()
        self._missing = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """asyncio: connected."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes of a request."""
        self._request += data
        if not self._missing:
            head = self._request.find(b"\r\n\r\n")
            if head < 0:
                return
            fields = bytes(self._request[:head]).lower()
            length = fields.partition(b"content-length:")[2].partition(b"\r\n")[0]
            self._missing = head + 4 + int(length)
        if len(self._request) >= self._missing:
            request, self._request, self._missing = bytes(self._request), bytearray(), 0
            path = request.split(b" ", 2)[1]
            stream = b'"stream":true' in request or b'"stream": true' in request
            pace = _PACE if path.startswith(b"/paced/") else 0
            self._write(answer(path, stream=stream), 0, pace)

    def _write(self, parts: list[bytes], turn: int, pace: float) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(parts[turn])
        if turn + 1 < len(parts):
            asyncio.get_running_loop().call_later(pace, self._write, parts, turn + 1, pace)


def more_files() -> None:
    """Raise the limit of open files: a thousand connections need a thousand."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(certificate: str) -> None:
    more_files()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(Connection, "127.0.0.1", 0, backlog=4096, ssl=context)
        for context in (None, tls)
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
