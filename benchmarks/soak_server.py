"""The gateway, its TLS twin and the proxy of the soak, in one process that counts connections.

It prints one line of JSON: the ports, and the file with the certificate of its own authority. What
a call wants stands in its last message: `NUMBER KIND`. Every answer has another text, so that a
client sees when it was given somebody else's.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import socket
import ssl
import struct
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trustme

if TYPE_CHECKING:
    from collections.abc import Callable

_USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
_HEAD = {"id": "c1", "created": 1, "model": "qwen3.6-plus"}
_STALL_SECONDS = 2.0
_counts = {"open": 0, "connections": 0, "requests": 0}


def text_for(number: int) -> str:
    """Return the answer to a call: of 1 to 40 words, each naming its call."""
    return " ".join(f"{number}.{word}" for word in range(1 + number % 40))


def _event(payload: object) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _delta(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return _event({**_HEAD, "object": "chat.completion.chunk", "choices": [choice]})


def _head(status: int, kind: str, *more: str) -> bytes:
    return "\r\n".join(
        [f"HTTP/1.1 {status} Status", f"content-type: {kind}", *more, "", ""]
    ).encode()


def _whole(status: int, body: Any, *more: str) -> bytes:
    data = json.dumps(body).encode()
    return _head(status, "application/json", f"content-length: {len(data)}", *more) + data


def _completion(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}


class _Answer:
    """Writes the answer to one request; False ends the connection."""

    def __init__(self, writer: asyncio.StreamWriter, number: int, *, stream: bool) -> None:
        self._writer = writer
        self._text = text_for(number)
        self._stream = stream

    async def good(self, *more: str) -> bool:
        if self._stream:
            self._begin(*more)
            await self._words(len(self._text))
            self._end()
        else:
            self._writer.write(_whole(200, _completion(self._text), *more))
        return True

    async def close(self) -> bool:
        await self.good("connection: close")
        return False

    async def gzip(self) -> bool:
        if not self._stream:
            return await self.good()
        self._begin("content-encoding: gzip")
        events = b"".join([*self._events(len(self._text)), *self._last_events()])
        self._writer.write(_chunk(gzip.compress(events)) + b"0\r\n\r\n")
        return True

    async def fin(self) -> bool:
        await self._half()
        return False

    async def rst(self) -> bool:
        await self._half()
        await asyncio.sleep(0.02)
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        return False

    async def stall(self) -> bool:
        await self._half()
        await asyncio.sleep(_STALL_SECONDS)
        return False

    async def comments(self) -> bool:
        self._begin()
        for _ in range(40):
            self._writer.write(_chunk(b": still there\n\n"))
            await self._writer.drain()
            await asyncio.sleep(0.1)
        return False

    async def error(self) -> bool:
        self._begin()
        error = {"error": {"code": 502, "message": "The model failed"}}
        self._writer.write(b"".join(map(_chunk, [*self._events(9), _event(error)])))
        self._end()
        return True

    async def status(self, status: int) -> bool:
        self._writer.write(_whole(status, {"error": {"message": "no"}}, "retry-after: 1"))
        return True

    async def _half(self) -> None:
        if self._stream:
            self._begin()
            await self._words(len(self._text) // 2)
        else:
            body = _whole(200, _completion(self._text))
            self._writer.write(body[: len(body) - 20])
        await self._writer.drain()

    def _begin(self, *more: str) -> None:
        self._writer.write(_head(200, "text/event-stream", "transfer-encoding: chunked", *more))

    async def _words(self, length: int) -> None:
        for event in self._events(length):
            self._writer.write(_chunk(event))
            await self._writer.drain()

    def _events(self, length: int) -> list[bytes]:
        return [_delta(self._text[start : start + 9]) for start in range(0, length, 9)]

    def _last_events(self) -> list[bytes]:
        last = {**_HEAD, "choices": [], "usage": _USAGE}
        return [_delta("", "stop"), _event(last), b"data: [DONE]\n\n"]

    def _end(self) -> None:
        self._writer.write(b"".join(map(_chunk, self._last_events())) + b"0\r\n\r\n")


async def _request(reader: asyncio.StreamReader) -> tuple[str, bytes] | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        return None
    fields = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
    return head, await reader.readexactly(int(fields.get("content-length", 0)))


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer what comes over one connection."""
    _counts["open"] += 1
    _counts["connections"] += 1
    with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
        while (request := await _request(reader)) is not None:
            head, body = request
            if head.startswith("GET"):
                writer.write(_whole(200, _counts))
            elif not await _answer(writer, json.loads(body)):
                break
            await writer.drain()
    _counts["open"] -= 1
    writer.close()


async def _answer(writer: asyncio.StreamWriter, body: dict[str, Any]) -> bool:
    _counts["requests"] += 1
    number, kind = body["messages"][-1]["content"].split()
    answer = _Answer(writer, int(number), stream=bool(body.get("stream")))
    if kind.isdecimal():
        return await answer.status(int(kind))
    answered: bool = await getattr(answer, kind)()
    return answered


def _proxy_to(plain: int, tls: int) -> Callable[..., Any]:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Tunnel to the TLS gateway, or pass a plain connection on to the other one."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            is_tunnel = head.startswith(b"CONNECT")
            there = await asyncio.open_connection("127.0.0.1", tls if is_tunnel else plain)
        except (asyncio.IncompleteReadError, OSError):
            writer.close()
            return
        if is_tunnel:
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            there[1].write(head)
        await asyncio.gather(_pipe(reader, there[1]), _pipe(there[0], writer))

    return proxy


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve() -> None:
    """Serve until the parent closes our standard input."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    certificate = Path(tempfile.mkdtemp(prefix="soak-")) / "ca.pem"
    authority.cert_pem.write_to_path(certificate)
    plain = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=1024)
    tls = await asyncio.start_server(_serve, "127.0.0.1", 0, ssl=context, backlog=1024)
    ports = [server.sockets[0].getsockname()[1] for server in (plain, tls)]
    proxy = await asyncio.start_server(_proxy_to(*ports), "127.0.0.1", 0, backlog=1024)
    ports.append(proxy.sockets[0].getsockname()[1])
    names = ("plain", "tls", "proxy")
    print(json.dumps({**dict(zip(names, ports, strict=True)), "ca": str(certificate)}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)  # asyncio reports each open connection as an error


if __name__ == "__main__":
    asyncio.run(serve())
