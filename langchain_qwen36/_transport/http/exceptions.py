"""Map the exceptions of httpx, and of httpcore below it, to our errors.

Exceptions are mapped by name, not by class: a user's own client may be httpx's or that of its fork
httpx2, whose exceptions have the same names and no common base.
"""

from __future__ import annotations

import re
import socket
import ssl
from typing import TYPE_CHECKING

from langchain_qwen36._transport.target import display_url
from langchain_qwen36.errors import (
    CertificateError,
    GatewayConnectionError,
    InvalidRequestError,
    QwenError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langchain_qwen36._transport.timeouts import CallTimeouts

__all__ = ["causes", "display_url", "map_exception"]

_SERVER_ERROR, _PROXY_AUTHENTICATION = 500, 407

_ERRORS: dict[str, Callable[[Exception, str, CallTimeouts], QwenError]] = {
    "ConnectTimeout": lambda _, where, clock: clock.timeout_error(where, "connect"),
    "PoolTimeout": lambda _, where, clock: clock.timeout_error(where, "pool"),
    "TimeoutException": lambda _, where, clock: clock.timeout_error(where),
    # Its text quotes the header, and the header may be the key.
    "LocalProtocolError": lambda _, where, __: InvalidRequestError(
        f"The request to {where} cannot be sent: a header, or the key, holds a character that no "
        "header can."
    ),
    "UnsupportedProtocol": lambda error, where, _: InvalidRequestError(f"{where}: {error}"),
    "DecodingError": lambda error, where, _: UnexpectedResponseError(
        f"The answer of {where} cannot be decoded: {error}"
    ),
    "TransportError": lambda error, where, _: _broken(error, where),
    # httpcore's two, which have no common base.
    "NetworkError": lambda error, where, _: _broken(error, where),
    "ProtocolError": lambda error, where, _: _broken(error, where),
    "ConnectError": lambda error, where, _: _unreachable(error, where),
    "ProxyError": lambda error, where, _: _proxy_error(error, where),
    "HTTPError": lambda error, where, _: GatewayConnectionError(
        f"The call to {where} failed: {_text(error)}"
    ),
    "StreamError": lambda error, where, _: GatewayConnectionError(
        f"The answer of {where} cannot be read: {_text(error)}"
    ),
    "ClockExpired": lambda _, where, clock: clock.timeout_error(where),
    # A user's own transport may raise it; any other OSError may be the caller's.
    "ConnectionError": lambda error, where, _: _broken(error, where),
    "InvalidURL": lambda error, where, _: InvalidRequestError(f"{where} is no URL: {error}"),
    "CookieConflict": lambda error, where, _: InvalidRequestError(f"{where}: {error}"),
}
"""The error for an exception, by the name of its class or, from the nearest on, of a base class."""


def map_exception(error: Exception, where: str, clock: CallTimeouts) -> QwenError | None:
    """Return our error for an exception of a client; None if it is no known one.

    Args:
        error: The client's exception.
        where: The address, for the message; it must hold no key.
        clock: The clocks of the attempt, which tell what ran out.
    """
    for cls in type(error).__mro__:
        if make := _ERRORS.get(cls.__name__):
            return make(error, where, clock)
    return None


def _broken(error: Exception, where: str) -> QwenError:
    return GatewayConnectionError(f"The connection to {where} broke: {_text(error)}")


def _proxy_error(error: Exception, where: str) -> QwenError:
    """Return the error of a proxy, to be retried only for its overload and its failures."""
    status = re.match(r"[1-5]\d\d\b", str(error))
    code = int(status[0]) if status else None
    refused = code is not None and code < _SERVER_ERROR and code not in (408, 429)
    hint = " Check the user and password in `proxy=`." if code == _PROXY_AUTHENTICATION else ""
    return GatewayConnectionError(
        f"The proxy on the way to {where} failed: {_text(error)}.{hint}",
        is_retryable=False if refused or "auth" in str(error).lower() else None,
    )


def _unreachable(error: Exception, where: str) -> QwenError:
    chain = list(causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in chain):
        return CertificateError(
            f"The TLS certificate of {where} does not verify: {_text(error)}. Set SSL_CERT_FILE to "
            "your CA's certificate, or pass an `http_client=` with its own `verify=`."
        )
    if any(isinstance(cause, socket.gaierror) for cause in chain):
        return GatewayConnectionError(f"DNS lookup failed for the host of {where}.")
    return GatewayConnectionError(f"{where} cannot be reached: {_text(error)}.")


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those that led to it; a caller's own may lead back to itself."""
    known: set[int] = set()
    while error is not None and id(error) not in known:
        known.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
