"""A proxy on loopback that leads every connection to one gateway: HTTP's CONNECT, or SOCKS 5."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from asyncio import StreamReader, StreamWriter

LOGIN = (b"me", b"pa:ss")
"""What it asks for, where it asks."""


class TunnelProxy:
    """`with TunnelProxy("socks5", port) as proxy: proxy.url`.

    Args:
        kind: The scheme of its URL: http, https or socks5.
        port: Of the gateway.
        tls: For https.
        pieces: Whether its answers come byte by byte.
        reply: What it answers to CONNECT instead of a tunnel.
        login: Whether it asks SOCKS clients for `LOGIN`.
    """

    def __init__(
        self,
        kind: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        pieces: bool = False,
        reply: bytes = b"",
        login: bool = False,
    ) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        """What it was asked for, as it came."""
        self._kind = kind
        self._gateway_port = port
        self._tls = tls
        self._pieces = pieces
        self._reply = reply
        self._login = login
        self._writers: list[StreamWriter] = []
        self._serving: list[asyncio.Future[None]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        """As `proxy=` takes it."""
        user = "me:pa%3Ass@" if self._login or self._kind.startswith("http") else ""
        return f"{self._kind}://{user}127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    async def _start(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        return int(self._server.sockets[0].getsockname()[1])

    async def _stop(self) -> None:
        """Stop accepting, let what is being accepted come in, then end all that serves."""
        self._server.close()
        if accepting := asyncio.all_tasks() - {asyncio.current_task(), *self._serving}:
            await asyncio.wait(accepting, timeout=1)
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        self._serving.append(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            shake_hands = self._socks if self._kind.startswith("socks") else self._connect
            if await shake_hands(reader, writer):
                there = await asyncio.open_connection("127.0.0.1", self._gateway_port)
                self._writers.append(there[1])
                both_ways = (_pipe(reader, there[1]), _pipe(there[0], writer))
                pipes = [asyncio.ensure_future(pipe) for pipe in both_ways]
                self._serving += pipes  # or `_stop` would wait for them
                await asyncio.gather(*pipes)
                there[1].transport.abort()
        writer.transport.abort()

    async def _connect(self, reader: StreamReader, writer: StreamWriter) -> bool:
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        await self._send(writer, self._reply or b"HTTP/1.1 200 Connected\r\nVia: test\r\n\r\n")
        return not self._reply

    async def _socks(self, reader: StreamReader, writer: StreamWriter) -> bool:
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        method = b"\x02" if self._login else b"\x00"
        await self._send(writer, b"\x05" + (method if method in methods else b"\xff"))
        if self._login:
            user = await reader.readexactly((await reader.readexactly(2))[1])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            await self._send(writer, b"\x01" + bytes([(user, password) != LOGIN]))
        start = await reader.readexactly(4)
        length = {1: 4, 4: 16}.get(start[3]) or (await reader.readexactly(1))[0]
        self.requests.append(await reader.readexactly(length + 2))
        await self._send(writer, self._reply or b"\x05\x00\x00\x03\x04here\x00\x50")
        return not self._reply

    async def _send(self, writer: StreamWriter, data: bytes) -> None:
        for piece in [data[i : i + 1] for i in range(len(data))] if self._pieces else [data]:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.001 if self._pieces else 0)


async def _pipe(reader: StreamReader, writer: StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
