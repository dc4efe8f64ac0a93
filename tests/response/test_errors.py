"""What gateways say when they refuse becomes the right error."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from langchain_qwen36 import errors
from langchain_qwen36._response.errors import error_from, error_in, request_id, retry_after
from langchain_qwen36.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    QwenError,
    RateLimitError,
    ServerError,
    UnexpectedResponseError,
)
from langchain_qwen36.gateways import GATEWAYS

WIRE = Path(__file__).parents[3] / "shared" / "wire"
INDEX = json.loads((WIRE / "INDEX.json").read_text()) if WIRE.exists() else []
PLAIN = "openai-compatible"


def refuse(
    status: int, body: Any, gateway: str = "dashscope", headers: dict[str, str] | None = None
) -> QwenError:
    """Read an answer with a status of 400 and above; `body` is JSON, or bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_from(status, headers or {}, content, gateway=GATEWAYS[gateway])


def hidden(payload: dict[str, Any], gateway: str = PLAIN, **options: Any) -> QwenError | None:
    """Read the error in an HTTP 200."""
    return error_in(payload, gateway=GATEWAYS[gateway], headers={}, **options)


def coded(code: str, message: str = "No.") -> dict[str, Any]:
    """Return the compatible envelope, as DashScope sends it."""
    return {"error": {"message": message, "type": code, "param": None, "code": code}}


@pytest.mark.parametrize(
    ("status", "error", "is_retryable"),
    [
        (400, InvalidRequestError, False),
        (401, AuthenticationError, False),
        (402, PaymentRequiredError, False),
        (403, PermissionDeniedError, False),
        (404, NotFoundError, False),
        (405, InvalidRequestError, False),
        (408, ServerError, True),
        (409, ServerError, True),
        (413, InvalidRequestError, False),
        (422, InvalidRequestError, False),
        (424, InvalidRequestError, False),
        (429, RateLimitError, True),
        (500, ServerError, True),
        (502, ServerError, True),
        (503, ServerError, True),
        (504, ServerError, True),
        (524, ServerError, True),
        (529, ServerError, True),
    ],
)
def test_status_decides(status: int, error: type[QwenError], is_retryable: bool) -> None:
    """Where no code is known the status says the class, and the class what may be retried."""
    found = refuse(status, {"error": {"message": "No."}})
    assert (type(found), found.is_retryable, found.status_code) == (error, is_retryable, status)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "DataInspectionFailed", ContentFilterError),
        (400, "data_inspection_failed", ContentFilterError),
        (400, "Arrearage", PaymentRequiredError),
        (400, "invalid_parameter_error", InvalidRequestError),
        (401, "InvalidApiKey", AuthenticationError),
        (403, "AccessDenied.Unpurchased", PermissionDeniedError),
        (403, "AllocationQuota.FreeTierOnly", PaymentRequiredError),
        (404, "ModelNotFound", NotFoundError),
        (429, "Throttling", RateLimitError),
        (429, "Throttling.RateQuota", RateLimitError),
        (429, "Throttling.AllocationQuota", RateLimitError),
        (429, "limit_requests", RateLimitError),
        (429, "limit_burst_rate", RateLimitError),
        (429, "CommodityNotPurchased", PaymentRequiredError),
        (429, "PrepaidBillOverdue", PaymentRequiredError),
        (429, "PostpaidBillOverdue", PaymentRequiredError),
        (500, "InternalError.Algo", ServerError),
        (500, "RequestTimeOut", ServerError),
        (503, "ModelUnavailable", ServerError),
        (429, "insufficient_user_quota", PaymentRequiredError),
        (402, "insufficient_funds", PaymentRequiredError),
        (403, "customer_verification_required", PermissionDeniedError),
    ],
)
def test_code_goes_before_status(status: int, code: str, error: type[QwenError]) -> None:
    """A gateway's own code decides."""
    found = refuse(status, coded(code))
    assert (type(found), found.code) == (error, code)


@pytest.mark.parametrize(
    ("gateway", "message", "error"),
    [
        ("dashscope", "You exceeded your current quota, please check your plan.", RateLimitError),
        ("dashscope", "Free allocated quota exceeded.", PaymentRequiredError),
        (PLAIN, "You exceeded your current quota, please check your plan.", PaymentRequiredError),
    ],
)
def test_insufficient_quota(gateway: str, message: str, error: type[QwenError]) -> None:
    """The same code is a rate at one vendor and money elsewhere."""
    assert type(refuse(429, coded("insufficient_quota", message), gateway)) is error


def test_a_throttle_by_code_may_be_no_money_by_text() -> None:
    """A free quota that is used up does not come back by waiting."""
    body = coded("Throttling.AllocationQuota", "Free allocated quota exceeded.")
    assert type(refuse(429, body)) is PaymentRequiredError


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 9]"),
        (400, "This model's maximum context length is 4096 tokens. However, you requested 5000."),
        (400, "The decoder prompt (length 5000) is longer than the maximum model length of 4096."),
        (400, "The input (5000 tokens) is longer than the model's context length (4096 tokens)."),
        (400, "the request exceeds the available context size. try increasing the context size"),
        (400, "request (5000 tokens) exceeds the available context size (4096 tokens)"),
        (400, "This endpoint's maximum context length is 262144 tokens."),
        (
            400,  # the input alone is too long, whatever output was asked for
            (
                "This model's maximum context length is 4096 tokens. However, you requested 9000 "
                "output tokens and your prompt contains at least 5000 input tokens."
            ),
        ),
        (400, "You passed 5000 input tokens. However, the model's context length is only 4096."),
        (413, "Input is too long for requested model."),
        (422, "prompt is too long: 5000 tokens > 4096 maximum"),
        (400, "You asked for too much. Please reduce the length of the messages or completion."),
    ],
)
def test_overflow_by_text(status: int, message: str) -> None:
    """Servers without a code for it say it in words."""
    assert type(refuse(status, {"error": {"message": message}}, PLAIN)) is ContextOverflowError


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Range of max_tokens should be [1, 65536]"),
        (400, "max_tokens must be positive"),
        (500, "maximum context length"),
        (401, "maximum context length"),
    ],
)
def test_no_overflow(status: int, message: str) -> None:
    """Another limit is no overflow, and a status that decides is not overruled by words."""
    assert type(refuse(status, {"error": {"message": message}})) is not ContextOverflowError


@pytest.mark.parametrize(
    "body",
    [
        {
            "error": {
                "code": 400,
                "message": "x",
                "metadata": {"error_type": "token_limit_exceeded"},
            }
        },
        {"error": {"code": "context_length_exceeded", "message": "x"}},
        {"error": {"code": 400, "message": "x", "type": "exceed_context_size_error", "n_ctx": 9}},
    ],
)
def test_overflow_by_code(body: dict[str, Any]) -> None:
    """Where there is a code for it, it counts."""
    assert type(refuse(400, body, PLAIN)) is ContextOverflowError


@pytest.mark.parametrize(
    ("status", "message", "side"),
    [
        (400, "Input data may contain inappropriate content.", "input"),
        (400, "Input text data may contain inappropriate content.", "input"),
        (400, "Output data may contain inappropriate content.", "output"),
        (403, "Your input was flagged by moderation", "input"),
    ],
)
def test_moderation(status: int, message: str, side: str) -> None:
    """Moderation says whose text it was."""
    found = refuse(status, {"error": {"message": message}})
    assert isinstance(found, ContentFilterError)
    assert (found.side, found.is_retryable) == (side, False)


def test_an_outage_that_mentions_a_policy_is_an_outage() -> None:
    """A text is asked only where the status does not decide."""
    assert type(refuse(503, {"error": {"message": "content policy service down"}})) is ServerError


def test_no_credits_is_no_matter_of_permission() -> None:
    """One gateway says 403 for an empty purse."""
    body = {"message": "You've run out of credits. Please top up your balance.", "statusCode": 403}
    assert type(refuse(403, body, "aimlapi")) is PaymentRequiredError


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("list index out of range", "order of the messages"),
        ("tools param requires --jinja flag", "`--jinja`"),
        ("image input is not supported - hint: you may need to provide the mmproj", "--mmproj"),
        ("Failed to download image: error 404", "data URL"),
        ("Jinja Exception: System message must be at the beginning.", "one system message"),
        ("JSON schema error at #/properties/city: unrecognized type town", "JSON schema of the"),
    ],
)
def test_server_errors_that_are_the_requests_fault(message: str, words: str) -> None:
    """They would come back every time, so they are not retried."""
    found = refuse(500, {"error": {"code": 500, "message": message, "type": "server_error"}})
    assert (type(found), found.is_retryable) == (InvalidRequestError, False)
    assert message in str(found)
    assert words in str(found)


@pytest.mark.parametrize(
    "message",
    ["Failed to parse input at pos 12: <tool", "output does not match the peg-native format"],
)
def test_an_answer_that_its_server_could_not_parse(message: str) -> None:
    """It is no overload: the error says what to do about the server."""
    found = refuse(500, {"error": {"code": 500, "message": message}}, "llamacpp")
    assert (type(found), found.is_retryable) == (UnexpectedResponseError, True)
    assert "chat template" in str(found)


BODIES = [
    pytest.param({"error": {"message": "Boom"}}, "Boom", id="envelope"),
    pytest.param({"error": "Boom"}, "Boom", id="a string"),
    pytest.param({"message": "Boom", "code": "x"}, "Boom", id="flat"),
    pytest.param({"detail": "Boom"}, "Boom", id="detail"),
    pytest.param(
        {"detail": [{"loc": ["body", "n"], "msg": "too many"}, {"loc": ["body"], "msg": "bad"}]},
        "body.n: too many; body: bad",
        id="details",
    ),
    pytest.param({"detail": [{"loc": "n", "msg": "bad"}, {"loc": 5}]}, "n: bad; 5: {'loc': 5}",
                 id="details that point with one word"),
    pytest.param({"success": False, "errors": [{"code": 7, "message": "Boom"}]}, "Boom",
                 id="errors"),
    pytest.param({"error": {"message": "", "localized_message": "Boom"}}, "Boom", id="localized"),
    pytest.param({"error_code": "BAD"}, "BAD", id="a code alone"),
    pytest.param({"error": {"x": 1}}, '{"error":{"x":1}}', id="no text at all"),
    pytest.param(b'data: {"error":{"message":"Boom"}}\n\n', "Boom", id="framed as an event"),
    pytest.param(
        b'id:1\nevent:error\n:HTTP_STATUS/400\ndata:{"code":"X","message":"Boom"}\n\n',
        "Boom",
        id="framed with a name",
    ),
    pytest.param(
        {"code": "InvalidParameter", "message": 'data: {"error":{"message":"Boom"}}'},
        "Boom",
        id="framed within itself",
    ),
    pytest.param(
        b"<html><head><title>502 Bad\n Gateway &amp; co</title></head></html>",
        "An HTML page titled '502 Bad Gateway & co'",
        id="HTML",
    ),
    pytest.param(b"upstream connect error", "upstream connect error", id="text"),
    pytest.param(b"", "An answer without a body", id="nothing"),
    pytest.param(b"[1]", "[1]", id="JSON of another kind"),
    pytest.param(b"\xff\xfe", "\ufffd\ufffd", id="no UTF-8"),
    pytest.param(
        {"error": {"message": "Provider returned error", "metadata": {"provider_name": "Alibaba",
         "raw": json.dumps({"error": {"message": "Boom", "code": "c"}})}}},
        "Provider returned error: Boom [provider Alibaba]",
        id="a provider's JSON",
    ),
    pytest.param(
        {"error": {"message": "Provider returned error", "metadata": {"raw": "Boom"}}},
        "Provider returned error: Boom",
        id="a provider's text",
    ),
    pytest.param(
        {"error": {"message": "Err", "metadata": {"raw": {"message": "Boom"}}}},
        "Err: Boom",
        id="a provider's object",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message"), BODIES)
def test_the_text_is_found(body: Any, message: str) -> None:
    """Whatever wraps it, the text stands at the front of the message."""
    assert str(refuse(418, body)).startswith(f"{message} (gateway 'dashscope', status 418")


def test_a_providers_code_counts() -> None:
    """Moderation behind a router is moderation."""
    raw = json.dumps({"error": {"message": "Boom", "code": "data_inspection_failed"}})
    body = {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": raw}}}
    found = refuse(400, body, "openrouter")
    assert (type(found), found.code) == (ContentFilterError, "data_inspection_failed")


def test_a_long_text_is_cut() -> None:
    """A page of a megabyte does not end up in a log."""
    found = refuse(500, b"x" * 1_000_000)
    assert len(str(found)) < 2_300
    assert len(found.body) < 2_100


def test_the_body_is_kept() -> None:
    """What was parsed stays at hand."""
    assert refuse(400, coded("x")).body == coded("x")


@pytest.mark.parametrize(
    ("payload", "error", "status", "message"),
    [
        ({"error": {"code": 429, "message": "slow"}}, RateLimitError, 429, "slow"),
        ({"error": {"code": "502", "message": "bad"}}, ServerError, 502, "bad"),
        ({"error": {"message": "bad", "status_code": 400}}, InvalidRequestError, 400, "bad"),
        ({"error": "overloaded"}, ServerError, None, "overloaded"),
        ({"error": {"type": "invalid_request_error", "message": "m"}}, InvalidRequestError, None,
         "m"),
        ({"error": {"type": "authentication_error", "message": "m"}}, AuthenticationError, None,
         "m"),
        ({"object": "error", "message": "m", "code": 500}, ServerError, 500, "m"),
        ({"detail": "m"}, ServerError, None, "m"),
        ({"code": "InvalidParameter", "message": "m"}, InvalidRequestError, None, "m"),
        ({"message": "m", "statusCode": "404"}, NotFoundError, 404, "m"),
        ({"choices": [{"error": {"code": 503, "message": "m"}}]}, ServerError, 503, "m"),
        ({"choices": [{"delta": {}, "finish_reason": "error"}], "error": {"code": 502,
          "message": "m"}}, ServerError, 502, "m"),
        ({"choices": [{"delta": {}, "finish_reason": "error"}]}, ServerError, None,
         "The model behind the gateway failed"),
        ({"choices": [], "error": {"code": 400, "message": "m"}}, InvalidRequestError, 400, "m"),
        ({"choices": None, "code": "InternalError", "message": "m"}, ServerError, None, "m"),
        ({"choices": [], "code": 500, "message": "m"}, ServerError, 500, "m"),
        ({"errors": [{"code": 7, "message": "m"}], "result": None}, ServerError, None, "m"),
    ],
)  # fmt: skip
def test_errors_within_an_http_200(
    payload: dict[str, Any], error: type[QwenError], status: int | None, message: str
) -> None:
    """They have the class that the same error has with a status of its own."""
    found = hidden(payload)
    assert found is not None
    assert (type(found), found.status_code) == (error, status)
    assert str(found).startswith(message)


@pytest.mark.parametrize(
    "payload",
    [
        {"choices": [{"delta": {"content": "error"}}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}], "error": None},
        {"choices": []},
        {"choices": None},
        {"choices": ["x"]},
        {"choices": [{"error": None}]},
        {"type": "ping"},
        {"message": "Success"},
        {"code": 200, "message": "Success"},
        {"code": "Success", "message": "fine"},
        {"code": "0", "message": "fine"},
        {"choices": [], "code": 200, "message": "Success"},
        {"errors": [], "message": "fine"},
        {"code": "", "message": "fine"},
        {},
        {"error": {}},
    ],
)
def test_no_error(payload: dict[str, Any]) -> None:
    """What is no error is not made one."""
    assert hidden(payload) is None


def test_what_its_frame_calls_an_error_is_one() -> None:
    """An event named error is an error whatever it says."""
    found = hidden({"message": "m"}, certain=True)
    assert found is not None
    assert str(found).startswith("m (")


def test_availability_is_the_authority() -> None:
    """A router that says whether to try again, and when, is believed."""
    availability = {"code": "capacity_exhausted", "retryable": False, "retry_after": 7}
    found = refuse(429, {"error": {"message": "m", "availability": availability}}, "openrouter")
    assert (found.is_retryable, found.retry_after) == (False, 7.0)


@pytest.mark.parametrize(
    ("status", "header", "is_retryable"),
    [(404, "true", True), (500, "false", False), (500, "perhaps", True), (404, "", False)],
)
def test_x_should_retry(status: int, header: str, is_retryable: bool) -> None:
    """The header wins over the status, both ways."""
    assert refuse(status, {}, headers={"x-should-retry": header}).is_retryable is is_retryable


NOW = "Fri, 29 Sep 2023 16:26:27 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"retry-after": "20"}, 20.0, id="seconds"),
        pytest.param({"retry-after": "0.5"}, 0.5, id="a fraction"),
        pytest.param({"retry-after-ms": "1500", "retry-after": "9"}, 1.5, id="milliseconds first"),
        pytest.param({"retry-after-ms": "x", "retry-after": "9"}, 9.0, id="bad milliseconds"),
        pytest.param({"retry-after": "Fri, 29 Sep 2023 16:26:57 GMT"}, 30.0, id="a date"),
        pytest.param({"retry-after": "Fri, 29 Sep 2023 16:26:37 GMT"}, 10.0, id="a near date"),
        pytest.param({"retry-after": "Fri, 29 Sep 2023 16:26:17 GMT"}, None, id="a past date"),
        pytest.param({"retry-after": "Fri, 29 Sep 2023 16:26:27 GMT"}, None, id="now"),
        pytest.param({"retry-after": "Fri, 29 Sep 100000 16:26:27 GMT"}, None, id="year 100000"),
        pytest.param({"retry-after": "Zun, 29 Sep 2023"}, None, id="no date"),
        pytest.param({"retry-after": ""}, None, id="empty"),
        pytest.param({}, None, id="absent"),
        pytest.param({"retry-after": "-10"}, None, id="negative"),
        pytest.param({"retry-after": "0"}, None, id="zero"),
        pytest.param({"retry-after": "nan"}, None, id="nan"),
        pytest.param({"retry-after": "inf"}, None, id="inf"),
        pytest.param({"retry-after": "-Infinity"}, None, id="minus infinity"),
        pytest.param({"retry-after": "9" * 35}, 1e9, id="absurd"),
        pytest.param({"retry-after": "9" * 400}, 1e9, id="more than a float holds"),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Three spellings; what is no time to wait is None."""
    assert retry_after({"date": NOW, **headers}) == seconds


def test_retry_after_without_the_servers_clock() -> None:
    """Without a date to hold it against, the own clock serves."""
    assert retry_after({"retry-after": "Fri, 29 Sep 2023 16:26:57 GMT"}) is None
    assert (retry_after({"retry-after": "Fri, 29 Sep 2223 16:26:57 GMT"}) or 0) > 1e8


@pytest.mark.parametrize(
    ("headers", "payload", "expected"),
    [
        ({"x-request-id": "a", "x-generation-id": "b"}, {"id": "c"}, "a"),
        ({"x-generation-id": "b"}, {"id": "c"}, "b"),
        ({"x-inference-id": "d"}, None, "d"),
        ({"x-vercel-id": "e"}, None, "e"),
        ({}, {"request_id": "f", "id": "c"}, "f"),
        ({}, {"requestId": "g"}, "g"),
        ({}, {"id": 7}, None),
        ({}, None, None),
    ],
)
def test_request_id(
    headers: dict[str, str], payload: dict[str, Any] | None, expected: str | None
) -> None:
    """The id for the gateway's support is a header's, else the body's."""
    assert request_id(headers, payload) == expected


def test_a_wrong_key_is_told_of_regions() -> None:
    """The error names the variable, and the regions that a key may be of."""
    text = str(refuse(401, coded("invalid_api_key"), "dashscope"))
    assert "DASHSCOPE_API_KEY" in text
    assert "'dashscope-intl'" in text
    assert "'dashscope'." not in text


def test_a_wrong_key_without_regions() -> None:
    """A gateway of one place speaks of no region."""
    assert "region" not in str(refuse(401, {}, "openrouter"))


@pytest.mark.parametrize("body", [param.values[0] for param in BODIES], ids=lambda _: "")
def test_errors_pickle(body: Any) -> None:
    """An error crosses a process with all it knows."""
    found = refuse(429, body, headers={"retry-after": "3", "x-request-id": "r"})
    again = pickle.loads(pickle.dumps(found))  # noqa: S301
    assert type(again) is type(found)
    assert (str(again), vars(again)) == (str(found), vars(found))


@pytest.mark.skipif(not INDEX, reason="the recordings are not here")
@pytest.mark.parametrize(
    "row", [pytest.param(row, id=row["file"]) for row in INDEX if row["status"] >= 400]
)
def test_recorded_errors(row: dict[str, Any]) -> None:
    """Every recorded error keeps its words and has the class of its status, or a child of it."""
    body = (WIRE / row["file"]).read_bytes()
    found = error_from(row["status"], row["headers"], body, gateway=GATEWAYS[PLAIN])
    error = json.loads(body).get("error") or json.loads(body)
    words = error if isinstance(error, str) else error.get("message") or "Field required"
    assert words in str(found)
    expected = {401: AuthenticationError, 404: NotFoundError, 429: RateLimitError}
    assert isinstance(found, expected.get(row["status"], InvalidRequestError))


@pytest.mark.skipif(not INDEX, reason="the recordings are not here")
@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row["file"])
        for row in INDEX
        if row["status"] == 200 and row["file"].endswith(".json") and row.get("finish")
    ],
)
def test_recorded_answers_are_no_errors(row: dict[str, Any]) -> None:
    """No recorded answer is taken for an error."""
    payload = json.loads((WIRE / row["file"]).read_bytes())
    assert hidden(payload) is None


def test_every_class_for_an_answer_can_come_out() -> None:
    """No class of the tree is unreachable from what a gateway says."""
    answers = {
        refuse(400, {}), refuse(401, {}), refuse(402, {}), refuse(403, {}), refuse(404, {}),
        refuse(429, {}), refuse(500, {}), refuse(400, coded("context_length_exceeded")),
        refuse(400, coded("data_inspection_failed")), refuse(500, b"failed to parse input"),
    }  # fmt: skip
    others = {
        "BudgetExceededError", "CertificateError", "EngineError", "EngineMissingError",
        "GatewayConnectionError", "GatewayTimeoutError", "MessageError", "MissingKeyError",
        "ModelFileError", "QwenError", "StreamInterruptedError", "UnsupportedSettingError",
        "LedgerError", "LedgerUnavailableError", "RateLimitStorageError", "JournalError",
        "BulkInputError",
    }  # fmt: skip
    names = {name for name in errors.__all__ if name.endswith("Error")}
    assert {type(answer).__name__ for answer in answers} == names - others


TOO_MANY = [
    pytest.param(
        "This model's maximum context length is 262144 tokens. However, you requested 262144 "
        "output tokens and your prompt contains at least 20 input tokens.",
        "to at most 262124",
        id="vllm",
    ),
    pytest.param(
        "'max_tokens' or 'max_completion_tokens' is too large: 40960. This model's maximum context "
        "length is 40960 tokens and your request has 25 input tokens (40960 > 40960 - 25).",
        "to at most 40935",
        id="older-vllm",
    ),
    pytest.param(
        "This endpoint's maximum context length is 262144 tokens. However, you requested about "
        "264896 tokens (2139 of text input, 757 of tool input, 262000 in the output).",
        "to at most 259248",
        id="openrouter",
    ),
    pytest.param(
        "Requested token count exceeds the model's maximum context length of 32768 tokens. You "
        "requested a total of 33000 tokens: 300 tokens from the input messages and 32700 tokens "
        "for the completion.",
        "to at most 32468",
        id="sglang",
    ),
]


@pytest.mark.parametrize(("text", "advice"), TOO_MANY)
def test_too_large_a_max_tokens_is_no_overflow(text: str, advice: str) -> None:
    """Where more output than input was asked for, the error says what to lower, and how far."""
    error = refuse(400, {"error": {"message": text, "code": 400}})
    assert type(error) is InvalidRequestError
    assert f"Lower `max_tokens` (or `max_completion_tokens`) {advice}" in error.message


def test_messages_that_do_not_fit_are_an_overflow_whatever_max_tokens_is() -> None:
    """Where the messages are the larger part, shortening them is what helps."""
    text = (
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens "
        "(8500 in the messages, 500 in the completion)."
    )
    assert type(refuse(400, {"error": {"message": text}})) is ContextOverflowError
