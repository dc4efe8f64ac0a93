"""Detect bytes that the server sent before it had a byte of the request.

Each TCP segment acknowledges what its sender has received (RFC 9293, section 3.8). Bytes that come
while nothing of the request is acknowledged yet are no response to it: the server sent them after
the idle connection was checked. Linux counts the acknowledged bytes (`TCP_INFO`,
https://man7.org/linux/man-pages/man7/tcp.7.html); elsewhere nothing is checked.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import Any, Protocol

import httpcore

_BYTES_ACKED = 120
"""Offset of `tcpi_bytes_acked`, 64 bits, in `struct tcp_info` of linux/tcp.h; since Linux 4.1."""
_LENGTH = _BYTES_ACKED + 8


class Connected(Protocol):
    """A connection of either pool."""

    @property
    def sock(self) -> Any:
        """The connection's TCP socket."""


def bytes_acknowledged(stream: Connected) -> int:
    """Return how many bytes of ours the peer has acknowledged; 0 if the system does not tell."""
    if sys.platform != "linux":
        return 0  # pragma: no cover, another platform
    try:
        info = stream.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LENGTH)
    except (OSError, AttributeError):  # closed, or no TCP socket
        return 0
    return int(struct.unpack_from("=Q", info, _BYTES_ACKED)[0]) if len(info) == _LENGTH else 0


def check_answers(stream: Connected, acknowledged: int) -> None:
    """Refuse bytes that came before the peer acknowledged any of the request.

    Args:
        stream: The connection from which a first byte was read.
        acknowledged: The result of `bytes_acknowledged` before the request was written.

    Raises:
        httpcore.RemoteProtocolError: The bytes were sent before the request had arrived.
    """
    if acknowledged and bytes_acknowledged(stream) == acknowledged:
        raise httpcore.RemoteProtocolError("The server sent bytes before it had the request.")
