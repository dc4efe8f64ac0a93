"""Parse the result rows of a batch, each into a message or an error of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import orjson

from langchain_qwen36._response.delta import TransportInfo
from langchain_qwen36._response.errors import error_from, error_in
from langchain_qwen36._response.message import read_completion
from langchain_qwen36._response.payload import loads
from langchain_qwen36.errors import QwenError, ServerError, UnexpectedResponseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages import AIMessage

    from langchain_qwen36._request.types import Request
    from langchain_qwen36.gateways import Gateway

_BOM = b"\xef\xbb\xbf"
_OK = 200
_ERROR_FROM = 400
_NOT_RUN = frozenset({"batch_expired", "batch_cancelled", "request_timeout"})
"""Codes of rows that were never run, and so may be run again."""


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A row of a result file; each field may be missing."""

    custom_id: str
    status: int | None = None
    request_id: str | None = None
    body: Any = None
    error: Mapping[str, Any] | None = None

    @property
    def is_failed(self) -> bool:
        """Whether the row itself says that it failed: the file of good rows may hold failed ones.

        See docs/quirks.md#failed-rows-of-a-batch.
        """
        return self.error is not None or self.status != _OK


def parse_row(line: bytes) -> ResultRow | None:
    """Parse a line of a result file, whatever ends it or stands before it; None: it is no row."""
    try:
        return row_of(loads(line.removeprefix(_BOM)))
    except ValueError:
        return None


def row_of(value: Any) -> ResultRow | None:
    """Convert a parsed row; None: it names no request."""
    if not isinstance(value, dict) or not isinstance(custom_id := value.get("custom_id"), str):
        return None
    response = value.get("response")
    response = response if isinstance(response, dict) else {}
    status = response.get("status_code")
    body = response.get("body")
    if status is None and isinstance(body, dict) and body.get("choices"):
        status = _OK  # some gateway wraps the bare completion
    request_id = response.get("request_id")
    return ResultRow(
        custom_id,
        status if isinstance(status, int) else None,
        request_id if isinstance(request_id, str) and request_id else None,
        body,
        _error_of(value.get("error")),
    )


def _error_of(error: Any) -> Mapping[str, Any] | None:
    """Return a row's error under one pair of names; None for null and for an empty object.

    Documentation names its fields `code` and `message`, the vendor's own script `error_code` and
    `error_message`.
    """
    if isinstance(error, str) and error:
        return {"message": error}
    if not isinstance(error, dict) or not any(error.values()):
        return None
    return {
        **error,
        "code": error.get("code") or error.get("error_code"),
        "message": error.get("message") or error.get("error_message") or "",
    }


def read_row(row: ResultRow, request: Request) -> AIMessage | QwenError:
    """Convert a row to its message, or to the error with which it failed."""
    if row.is_failed:
        return _failure(row, request.gateway)
    body = row.body
    if not isinstance(body, dict):
        return _unreadable(row, request.gateway, "holds no completion")
    if (embedded := error_in(body, gateway=request.gateway, headers={})) is not None:
        return embedded
    try:
        result = read_completion(body, request, TransportInfo(request_id=row.request_id))
    except QwenError as error:
        error.request_id = error.request_id or row.request_id
        return error
    except Exception as error:  # noqa: BLE001 - one row of thousands must not stop the others
        return _unreadable(row, request.gateway, f"cannot be read ({error!r})")
    return cast("AIMessage", result.generations[0].message)


def _failure(row: ResultRow, gateway: Gateway) -> QwenError:
    inner = row.body.get("error") if isinstance(row.body, dict) else None
    error = row.error or (inner if isinstance(inner, dict) else None) or row.body
    if not error:
        return _unreadable(row, gateway, f"has status {row.status} and says nothing else")
    shown = error if isinstance(error, dict) else {"message": str(error)}
    payload = {"error": shown, **({"request_id": row.request_id} if row.request_id else {})}
    if row.status is not None and row.status >= _ERROR_FROM:
        found = error_from(row.status, {}, orjson.dumps(payload), gateway=gateway)
    else:
        found = error_in(payload, gateway=gateway, headers={}, certain=True) or ServerError(
            str(shown)
        )
    if found.code in _NOT_RUN:
        found.is_retryable = True
    return found


def _unreadable(row: ResultRow, gateway: Gateway, what: str) -> QwenError:
    return UnexpectedResponseError(
        f"The row of {row.custom_id!r} {what}.",
        status_code=row.status,
        request_id=row.request_id,
        gateway=gateway.name,
        body=row.body,
        is_retryable=False,
    )
