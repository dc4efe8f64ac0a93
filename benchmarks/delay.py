"""A proxy that hands bytes on 10 ms later, both ways: `python -m benchmarks.delay PORT`.

It prints its port. A round trip through it takes 20 ms, as one to another town does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial

from benchmarks.server import more_files

_SECONDS = 0.01


class End(asyncio.Protocol):
    """One of the two connections that a client's way through the proxy is made of."""

    def __init__(self, other: End | None = None) -> None:
        self.other = other
        self.transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the transport."""
        self.transport = transport
        for data in self._early:
            transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Hand bytes on to the other end, later."""
        assert self.other
        self._loop.call_later(_SECONDS, self.other.write, data)

    def connection_lost(self, _: Exception | None) -> None:
        """Close the other end, after the bytes that are on their way."""
        assert self.other
        self._loop.call_later(_SECONDS, self.other.close)

    def write(self, data: bytes) -> None:
        """Write bytes, at once or when the connection is made."""
        if self.transport:
            self.transport.write(data)
        else:
            self._early.append(data)

    def close(self) -> None:
        """Close the connection."""
        if self.transport:
            self.transport.close()


class ClientEnd(End):
    """The client's end, which opens the server's."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the transport, and connect to the server."""
        super().connection_made(transport)
        other = self.other = End(self)
        connect = self._loop.create_connection(lambda: other, "127.0.0.1", self._port)
        self._connecting = self._loop.create_task(connect)


async def _serve(port: int) -> None:
    more_files()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(ClientEnd, port), "127.0.0.1", 0, backlog=4096)
    print(json.dumps([server.sockets[0].getsockname()[1]]), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
