"""Open TCP connections: resolve a name and try its addresses, sync and async, within a deadline.

Several addresses are tried as in RFC 8305 ("Happy Eyeballs"): the next one starts when the last
has failed, or has not answered within 250 ms, and the first that connects wins.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import select
import socket
import threading
import time
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, TypeVar

import httpcore

from langchain_qwen36._transport.http.signals import raised_in_signal_handler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
Address = tuple[Any, ...]
"""Family, type, protocol, name and socket address, as `socket.getaddrinfo` returns them."""
Lookup = Future["list[Address] | OSError"]
Options = list[tuple[int, int, int]]

_ATTEMPT_DELAY = 0.25
"""Seconds before the next address is tried beside the last (RFC 8305, section 5)."""
_TCP = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
_lookups: dict[tuple[str, int], Lookup] = {}
_lookups_lock = threading.Lock()


def _keep_alive_options() -> Options:
    """Return options with which the kernel probes a silent peer: after 60 s, 3 times 10 s apart."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        option = getattr(socket, name, None)
        if option is not None:  # pragma: no branch - another platform names it otherwise
            options.append((socket.IPPROTO_TCP, option, value))
    return options


def in_thread(function: Callable[[], T]) -> Future[T]:
    """Run a function in a daemon thread of its own.

    The loop's default executor belongs to the application: lookups that hang would stop all of its
    `asyncio.to_thread`.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001, it is raised where the result is awaited
            future.set_exception(error)

    try:
        threading.Thread(target=run, name="langchain-qwen36", daemon=True).start()
    except RuntimeError as error:  # the system allows no more threads
        future.set_exception(OSError(str(error)))
    return future


def connect(host: str, port: int, seconds: float | None) -> socket.socket:
    """Return a connected socket, non-blocking.

    Raises:
        TimeoutError: No address was found, or none answered, in time.
        OSError: The name is unknown, or the last address failed.
    """
    until = None if seconds is None else time.monotonic() + seconds
    addresses = _numeric(host, port)
    if addresses is None:
        try:
            addresses = _found(_lookup(host, port).result(seconds))
        except FutureTimeoutError:
            raise TimeoutError(f"the lookup of {host} did not end") from None
    return _Race(_interleaved(addresses)).run(until)


def connect_error(error: OSError) -> httpcore.TimeoutException | httpcore.NetworkError:
    """Distinguish our timeout from the kernel's ETIMEDOUT, a `TimeoutError` with an errno."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return httpcore.ConnectTimeout()
    return httpcore.ConnectError(str(error))


async def aconnect(host: str, port: int, seconds: float | None) -> socket.socket:
    """`connect`, async."""
    async with asyncio.timeout(seconds):
        addresses = _numeric(host, port)
        if addresses is None:
            addresses = _found(await asyncio.wrap_future(_waiter_of(_lookup(host, port))))
        if len(addresses) == 1:
            return await _aconnect_to(addresses[0])
        return await _arace(_interleaved(addresses))


def _numeric(host: str, port: int) -> list[Address] | None:
    """Return the address of a host that is an IP address; None for what must be looked up.

    Without `socket.getaddrinfo`, which can hang where a program has replaced it.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return [(socket.AF_INET, *_TCP, (host, port))]
    # Only the resolver knows the number of a zone, as in `fe80::1%eth0`.
    return None if address.scope_id else [(socket.AF_INET6, *_TCP, (host, port, 0, 0))]


def _lookup(host: str, port: int) -> Lookup:
    """Look a name up, once for all callers that wait for it: a hanging lookup holds one thread."""
    with _lookups_lock:
        future = _lookups.get((host, port))
        if future is None:
            future = _lookups[host, port] = in_thread(lambda: _resolve(host, port))
            future.add_done_callback(lambda _: _lookups.pop((host, port), None))
        return future


def _resolve(host: str, port: int) -> list[Address] | OSError:
    try:
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except UnicodeError as error:  # the idna codec's, for labels that no name can have
        return socket.gaierror(socket.EAI_NONAME, str(error))
    except OSError as error:
        return error


def _found(result: list[Address] | OSError) -> list[Address]:
    """Return the addresses, or raise the lookup's error as a new one: callers share it."""
    if isinstance(result, OSError):
        raise type(result)(*result.args)
    return result


def _waiter_of(lookup: Lookup) -> Lookup:
    """Return a future for one caller: cancelling it leaves the lookup to the others."""
    waiter: Lookup = Future()

    def pass_on(done: Lookup) -> None:
        if not waiter.set_running_or_notify_cancel():
            return
        if (error := done.exception()) is not None:
            waiter.set_exception(error)
        else:
            waiter.set_result(done.result())

    lookup.add_done_callback(pass_on)
    return waiter


def _interleaved(addresses: Iterable[Address]) -> deque[Address]:
    """Alternate the families of the addresses, the resolver's first one first."""
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    turns = chain.from_iterable(zip_longest(*families.values()))
    return deque(address for address in turns if address is not None)


def _open(address: Address) -> socket.socket:
    """Return a non-blocking socket for an address, whose family this host may not have."""
    family, kind, protocol, *_ = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        for option in _keep_alive_options():
            sock.setsockopt(*option)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


class _Race:
    """Connects to several addresses at once, for threads."""

    def __init__(self, addresses: deque[Address]) -> None:
        self._addresses = addresses
        self._pending: list[socket.socket] = []
        self._failure: OSError = OSError("the host has no address")

    def run(self, until: float | None) -> socket.socket:
        """Return the socket that connected first; all others are closed."""
        winner = None
        try:
            while winner is None:
                winner = self._start_next() or self._first_ready(until)
            return winner
        finally:
            for sock in self._pending:
                if sock is not winner:
                    sock.close()

    def _start_next(self) -> socket.socket | None:
        if not self._addresses:
            return None
        address = self._addresses.popleft()
        try:
            sock = _open(address)
        except OSError as error:
            self._failure = error
            return None
        self._pending.append(sock)
        try:
            sock.connect(address[4])
        except BlockingIOError:
            return None
        except OSError as error:
            if raised_in_signal_handler(error):
                raise
            self._fail(sock, error)
            return None
        return sock

    def _first_ready(self, until: float | None) -> socket.socket | None:
        """Wait until a socket connects or fails, or until the next one is due."""
        if not self._pending:
            if self._addresses:
                return None
            raise self._failure
        for sock in wait_for_any(self._pending, self._patience(until)):
            result = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if result == 0:
                return sock
            self._fail(sock, OSError(result, os.strerror(result)))
        return None

    def _patience(self, until: float | None) -> float | None:
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError("no address answered")
        if not self._addresses:
            return left
        return _ATTEMPT_DELAY if left is None else min(left, _ATTEMPT_DELAY)

    def _fail(self, sock: socket.socket, error: OSError) -> None:
        self._failure = error
        self._pending.remove(sock)
        sock.close()


def wait_for_any(socks: list[socket.socket], seconds: float | None) -> list[socket.socket]:
    """Wait until a connecting socket has connected or failed; return those that have."""
    if hasattr(select, "poll"):
        poll = select.poll()
        for sock in socks:
            poll.register(sock, select.POLLOUT)
        events = poll.poll(None if seconds is None else seconds * 1000)
        ready = {descriptor for descriptor, _ in events}
        return [sock for sock in socks if sock.fileno() in ready]
    _, writable, failed = select.select([], socks, socks, seconds)  # pragma: no cover, Windows
    return list({*writable, *failed})  # pragma: no cover


async def _arace(addresses: deque[Address]) -> socket.socket:
    """Connect to several addresses at once; the sockets that lose are closed with their tasks."""
    tasks: set[asyncio.Task[socket.socket]] = set()
    failure: BaseException = OSError("the host has no address")
    try:
        while addresses or tasks:
            if addresses:
                tasks.add(asyncio.ensure_future(_aconnect_to(addresses.popleft())))
            done, _ = await asyncio.wait(
                tasks,
                timeout=_ATTEMPT_DELAY if addresses else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                if (error := task.exception()) is None:
                    tasks.remove(task)
                    return task.result()
                failure = error
            tasks -= done
        raise failure
    finally:
        for task in tasks:
            task.add_done_callback(_close_unwanted)
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _close_unwanted(done: asyncio.Task[socket.socket]) -> None:
    """Close a connection that was made too late."""
    if not done.cancelled() and done.exception() is None:
        done.result().close()


async def _aconnect_to(address: Address) -> socket.socket:
    sock = _open(address)
    try:
        await asyncio.get_running_loop().sock_connect(sock, address[4])
    except BaseException:
        sock.close()
        raise
    return sock


def _forget_lookups() -> None:
    """Drop the parent's lookups in a forked child, which lacks the threads that would end them."""
    global _lookups_lock  # noqa: PLW0603, another thread may have held it at the fork
    _lookups_lock = threading.Lock()
    _lookups.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_lookups)
