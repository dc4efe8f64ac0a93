"""What a row of a batch's results becomes: judged by itself, whatever file it stands in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from langchain_qwen36._request.types import Request
from langchain_qwen36.bulk.batch.rows import parse_row, read_row
from langchain_qwen36.bulk.batch.states import parse_batch, parse_listing
from langchain_qwen36.catalog import find_model, find_offer
from langchain_qwen36.errors import (
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    QwenError,
    RateLimitError,
    ServerError,
    UnexpectedResponseError,
)
from langchain_qwen36.gateways import GATEWAYS

REQUEST = Request(
    body={"model": "qwen-flash", "messages": []},
    gateway=GATEWAYS["dashscope"],
    model=find_model("qwen-flash"),
    requested_model="qwen-flash",
    thinking=False,
    tools={"add": {"type": "object", "properties": {"a": {"type": "integer"}}}},
    notes={},
    offer=find_offer("dashscope", "qwen-flash"),
    batch=True,
)
RECORDED = {
    "id": "153fa1be",
    "custom_id": "1",
    "response": {
        "status_code": 200,
        "request_id": "153fa1be",
        "body": {
            "created": 1776432582,
            "usage": {"completion_tokens": 49, "prompt_tokens": 26, "total_tokens": 75},
            "model": "qwen-flash",
            "id": "chatcmpl-153fa1be",
            "choices": [
                {
                    "finish_reason": "stop",
                    "index": 0,
                    "message": {"role": "assistant", "content": "Hello"},
                }
            ],
            "object": "chat.completion",
        },
    },
    "error": None,
}
"""As a gateway sent it on 2026-04-17."""


def row(**changes: Any) -> dict[str, Any]:
    """Return the recorded row with other keys."""
    return {**RECORDED, **changes}


def response(status: int, body: Any = None) -> dict[str, Any]:
    """Return a row's response."""
    return {"status_code": status, "request_id": "req-9", "body": body}


def message_body(**message: Any) -> dict[str, Any]:
    """Return a completion with another message."""
    body = RECORDED["response"]["body"]
    choice = {**body["choices"][0], "message": message}
    return {**body, "choices": [choice]}


def ending(value: Any) -> AIMessage | QwenError:
    """Read a row as a line of a file."""
    parsed = parse_row(json.dumps(value).encode())
    assert parsed is not None
    return read_row(parsed, REQUEST)


def test_a_good_row_is_a_message_with_usage_and_half_the_price() -> None:
    """The same reader and the same pricer as of live calls; the price is the batch price."""
    message = ending(RECORDED)
    assert isinstance(message, AIMessage)
    offer = find_offer("dashscope", "qwen-flash")
    assert offer is not None
    tier = offer.prices[-1].tiers[0]
    live = float(26 * tier.input + 49 * tier.output) / 1_000_000
    assert message.content == "Hello"
    assert message.usage_metadata == {"input_tokens": 26, "output_tokens": 49, "total_tokens": 75}
    assert message.response_metadata["cost"]["batch"] is True
    assert message.response_metadata["cost"]["total"] == pytest.approx(live / 2, abs=1e-12)
    assert message.response_metadata["request_id"] == "153fa1be"


def test_a_message_without_a_role_is_read() -> None:
    """Older result files have none."""
    message = ending(row(response=response(200, message_body(content="Hi"))))
    assert isinstance(message, AIMessage)
    assert message.content == "Hi"


def test_tool_calls_come_back_as_tool_calls() -> None:
    """A batch keeps tools; arguments are parsed as of live answers."""
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    message = ending(row(response=response(200, message_body(content="", tool_calls=[call]))))
    assert isinstance(message, AIMessage)
    assert message.tool_calls == [
        {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
    ]


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        pytest.param(
            row(response=response(400, {"error": {"code": "InvalidParameter", "message": "bad"}})),
            InvalidRequestError,
            "bad",
            id="status-and-body-in-the-output-file",
        ),
        pytest.param(
            row(response=None, error={"code": "InvalidParameter", "message": "bad"}),
            QwenError,
            "bad",
            id="code-and-message-without-response",
        ),
        pytest.param(
            row(
                response=response(400),
                error={"error_code": "DataInspectionFailed", "error_message": "flagged"},
            ),
            ContentFilterError,
            "flagged",
            id="error_code-and-error_message",
        ),
        pytest.param(
            row(response=response(429, {"error": {"code": "limit_requests", "message": "slow"}})),
            RateLimitError,
            "slow",
            id="throttled",
        ),
        pytest.param(
            row(
                response=response(
                    400,
                    {
                        "error": {
                            "code": "invalid_parameter_error",
                            "message": "Range of input length should be [1, 258048]",
                        }
                    },
                )
            ),
            ContextOverflowError,
            "Range of input length",
            id="too-long",
        ),
        pytest.param(
            row(error={"code": "InternalError", "message": "oops"}),
            QwenError,
            "oops",
            id="error-beside-a-good-body",
        ),
        pytest.param(
            row(response=response(500, {"error": {"message": "oops"}})),
            ServerError,
            "oops",
            id="server-error",
        ),
        pytest.param(
            row(response=response(500)), UnexpectedResponseError, "status 500", id="status-alone"
        ),
        pytest.param(
            row(response=response(200)),
            UnexpectedResponseError,
            "no completion",
            id="good-without-body",
        ),
        pytest.param(
            row(response=response(200, {"choices": [], "id": "x"})),
            UnexpectedResponseError,
            "no choices",
            id="good-without-choices",
        ),
        pytest.param(
            row(response=response(200, {"error": {"code": "x", "message": "hidden"}})),
            QwenError,
            "hidden",
            id="error-in-a-good-body",
        ),
        pytest.param(row(response=None, error="broken"), QwenError, "broken", id="error-as-text"),
        pytest.param(
            row(response=None), UnexpectedResponseError, "status None", id="nothing-at-all"
        ),
        pytest.param(
            row(response=response(200, "not JSON")),
            UnexpectedResponseError,
            "no completion",
            id="body-as-text",
        ),
    ],
)
def test_a_failed_row_is_an_error_of_its_own(
    value: dict[str, Any], error: type[QwenError], text: str
) -> None:
    """Status and error of each row decide, in every form in which gateways write them."""
    found = ending(value)
    assert isinstance(found, error)
    assert text in str(found)


@pytest.mark.parametrize("error", [None, {}, {"code": None, "message": None}, {"code": ""}])
def test_an_empty_error_is_none(error: Any) -> None:
    """Some gateways write an empty object in place of null."""
    assert isinstance(ending(row(error=error)), AIMessage)


@pytest.mark.parametrize("code", ["batch_expired", "batch_cancelled", "request_timeout"])
def test_a_row_that_was_not_run_may_be_run_again(code: str) -> None:
    """Nothing of it is billed."""
    found = ending(row(response=None, error={"code": code, "message": "not executed"}))
    assert isinstance(found, QwenError)
    assert (found.code, found.is_retryable) == (code, True)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"\xef\xbb\xbf" + json.dumps(RECORDED).encode(), id="byte-order-mark"),
        pytest.param(json.dumps(RECORDED).encode() + b"\r\n", id="carriage-return"),
        pytest.param(
            json.dumps(RECORDED, ensure_ascii=False).replace("Hello", "a\u2028b").encode(),
            id="line-separator-in-a-text",
        ),
    ],
)
def test_a_line_is_read_whatever_surrounds_it(line: bytes) -> None:
    """Only a line feed ends a line."""
    parsed = parse_row(line)
    assert parsed is not None
    assert parsed.custom_id == "1"


@pytest.mark.parametrize(
    "line", [b'{"custom_id": "1", "resp', b"[]", b"{}", b'{"custom_id": 1}', b"<html>"]
)
def test_what_names_no_request_is_no_row(line: bytes) -> None:
    """It is counted, and never given to anybody."""
    assert parse_row(line) is None


BATCH = {
    "id": "batch_1",
    "object": "batch",
    "status": "completed",
    "input_file_id": "file-batch-1",
    "output_file_id": "file-batch_output-1",
    "error_file_id": None,
    "errors": None,
    "created_at": 1776414394,
    "expires_at": None,
    "request_counts": {"total": 2, "completed": 2, "failed": 0},
    "metadata": None,
}


def test_a_batch_object_is_read_with_its_nulls() -> None:
    """Recorded objects have null where pages show values."""
    batch = parse_batch(BATCH)
    assert batch is not None
    assert (batch.id, batch.status, batch.is_over) == ("batch_1", "completed", True)
    assert (batch.output_file, batch.error_file) == ("file-batch_output-1", "")
    assert (batch.total, batch.completed, batch.failed) == (2, 2, 0)


@pytest.mark.parametrize(
    "value",
    [None, [], "x", {}, {"id": "b"}, {"status": "completed"}, {"id": "", "status": "completed"}],
)
def test_what_is_no_batch_object_is_none(value: Any) -> None:
    """An answer that cannot be read must not pass for a batch that was made."""
    assert parse_batch(value) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"request_counts": None}, (0, 0, 0), id="no-counts"),
        pytest.param({"request_counts": {"total": "2"}}, (0, 0, 0), id="counts-as-text"),
    ],
)
def test_counts_that_cannot_be_read_are_zero(change: Any, expected: Any) -> None:
    """They only say how many rows to expect at least."""
    batch = parse_batch({**BATCH, **change})
    assert batch is not None
    assert (batch.total, batch.completed, batch.failed) == expected


def test_the_reasons_of_a_refused_batch_are_kept_with_their_lines() -> None:
    """Recorded: one entry per line that is at fault."""
    problem = {"code": "url_not_found", "message": "no", "param": "url", "line": 1}
    batch = parse_batch(
        {**BATCH, "status": "failed", "errors": {"object": "list", "data": [problem]}}
    )
    assert batch is not None
    assert batch.errors == (problem,)


@pytest.mark.parametrize(
    ("payload", "ids", "after"),
    [
        pytest.param({"data": None, "has_more": False}, [], None, id="empty-list-is-null"),
        pytest.param({"data": [BATCH], "has_more": False}, ["batch_1"], None, id="one-page"),
        pytest.param(
            {"data": [BATCH], "has_more": True, "last_id": "batch_1"},
            ["batch_1"],
            "batch_1",
            id="more-pages",
        ),
        pytest.param({"data": [BATCH], "has_more": True}, ["batch_1"], "batch_1", id="no-last_id"),
        pytest.param("<html>", [], None, id="no-listing"),
    ],
)
def test_a_listing_is_read_page_by_page(payload: Any, ids: list[str], after: str | None) -> None:
    """`after` names the last batch of a page."""
    batches, found = parse_listing(payload)
    assert ([batch.id for batch in batches], found) == (ids, after)
