"""The one filter between a gateway and a file, on an exchange that is full of secrets."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from fault_server import FaultServer, stream, whole
from taping.readable import Readable
from taping.record import recording
from taping.scrub import Scrubber
from vcr.request import Request

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.errors import QwenError

if TYPE_CHECKING:
    from pathlib import Path

    from fault_server import Script

KEY = "sk-or-v1-5e0b7a41c9d2f683"
REQUEST_ID = "7b1e9f40-52c3-4d8a-b6f0-13a4c5d6e7f8"
ACCOUNT = "1947203385016642"
WORKSPACE = "llm-q8w2e4r6t0"
COOKIE = "acw-1793000000x4f2a9d"
PERSON = "ada.lovelace@example.org"
TRACE = "no-shape-at-all"

SECRETS = {
    "the key": KEY,
    "the key, masked": "sk-or-v1-5e0b*****f683",
    "a key in a query": "querykey0042",
    "a key of another shape": "plainkeyofnobody",
    "another vendor's key": "LTAI5tQw8Er2Ty6Ui0Op",
    "a Vercel key": "vck_3kd92Ja7Qm",
    "a token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl",
    "an account": ACCOUNT,
    "a user": "user_2xK9fQz71bD",
    "an organisation": "org-Zk31pQ7sTb",
    "a project": "proj_91hdKs02Lq",
    "a workspace in the host": WORKSPACE,
    "a cookie": COOKIE,
    "a session": "s-9f8e7d6c5b4a",
    "a person": PERSON,
    "an address": "203.0.113.77",
    "an address of the new kind": "2001:db8:85a3::8a2e:370:7334",
    "a request": REQUEST_ID,
    "a completion": "chatcmpl-b9Xk20Lq",
    "a value known by its header only": TRACE,
    "a user's own end user": "customer 42 of the shop",
    "a number": "88214477",
}
"""By what they are; each stands somewhere below, most of them twice."""


def hostile_request() -> Request:
    """Return a request that says all it can of its sender."""
    host = f"{WORKSPACE}.cn-beijing.maas.aliyuncs.com"
    uri = f"https://ada:plainkeyofnobody@{host}/compatible-mode/v1/chat/completions"
    body = {
        "model": "qwen3.6-plus",
        "messages": [
            {"role": "user", "content": f"Hello, I am {PERSON}, the key is {KEY}."},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "call_0000_ab1"}]},
            {"role": "tool", "content": "4", "tool_call_id": "call_0000_ab1"},
        ],
        "user": SECRETS["a user's own end user"],
        "metadata": {"session_id": SECRETS["a session"], "customerId": 88214477},
        "temperature": 0.5,
    }
    headers = {
        "Authorization": f"Bearer {KEY}",
        "Cookie": f"sid={SECRETS['a session']}; acw_tc={COOKIE}",
        "OpenAI-Organization": SECRETS["an organisation"],
        "X-Trace": TRACE,
        "X-Forwarded-For": SECRETS["an address"],
        "User-Agent": "python",
        "Content-Type": "application/json",
    }
    return Request("POST", f"{uri}?api_key=querykey0042", json.dumps(body).encode(), headers)


SAID = (
    f"Incorrect API key provided: {SECRETS['the key, masked']} (Bearer {KEY}), "
    f"user_id={ACCOUNT}, request id: {REQUEST_ID}, trace {TRACE}, from {SECRETS['an address']} and "
    f"{SECRETS['an address of the new kind']}, project {SECRETS['a project']}, "
    f"{SECRETS['another vendor' + chr(39) + 's key']}, {SECRETS['a Vercel key']}, "
    f"{SECRETS['a token']}, mail {PERSON}, cookie {COOKIE}, workspace {WORKSPACE}."
)
REFUSAL = {
    "error": {
        "message": SAID,
        "code": "invalid_api_key",
        "metadata": {"raw": json.dumps({"account_id": ACCOUNT, "user": "user_2xK9fQz71bD"})},
    },
    "user_id": SECRETS["a user"],
    "accountId": int(ACCOUNT),
    "request_id": REQUEST_ID,
    "id": SECRETS["a completion"],
}
HEADERS = {
    "content-type": "application/json",
    "retry-after": "7",
    "x-request-id": REQUEST_ID,
    "set-cookie": f"acw_tc={COOKIE};path=/;HttpOnly",
    "openai-organization": SECRETS["an organisation"],
    "x-account": ACCOUNT,
    "server": "istio-envoy",
}


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """One payload of a stream that names its account."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": SECRETS["a completion"],
        "choices": [choice],
        "model": "qwen3.6-plus",
        "user_id": ACCOUNT,
    }


STREAM = "".join(
    f"data: {json.dumps(payload)}\n\n"
    for payload in (
        chunk({"role": "assistant", "content": f"Hello {PERSON}, "}),
        chunk({"content": "you have a request: 2 cats."}),
        chunk({}, "stop"),
    )
)


def response(body: str, **changes: str) -> dict[str, Any]:
    """Return what vcrpy hands over."""
    headers = {name: [value] for name, value in (HEADERS | changes).items()}
    status = {"code": 401, "message": "Unauthorized"}
    return {"status": status, "headers": headers, "body": {"string": body.encode()}}


BODIES = [
    pytest.param(json.dumps(REFUSAL), id="json"),
    pytest.param(STREAM + f"data: {json.dumps(REFUSAL)}\n\ndata: [DONE]\n\n", id="stream"),
    pytest.param(f"<html>{SAID} {json.dumps(REFUSAL)}", id="page"),
    pytest.param(STREAM + f"data: {json.dumps(REFUSAL)[:-2]}", id="cut"),
]


def scrubbed(body: str, *, scrubber: Scrubber | None = None) -> tuple[Request, dict[str, Any]]:
    """Return the hostile exchange after the filter."""
    scrubber = scrubber or Scrubber()
    return scrubber.request(hostile_request()), scrubber.response(response(body))


def text_of(request: Request, answer: dict[str, Any]) -> str:
    """All that gets into a file."""
    told = [request.method, request.uri, dict(request.headers), request.body.decode()]
    return json.dumps([*told, answer["headers"], answer["body"]["string"].decode()])


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("what", SECRETS)
def test_no_secret_is_left(what: str, body: str) -> None:
    """Not in headers, in the address, in JSON, in events, in pages, nor in quoted texts."""
    before = text_of(hostile_request(), response(body))
    assert json.dumps(SECRETS[what])[1:-1] in before
    assert json.dumps(SECRETS[what])[1:-1] not in text_of(*scrubbed(body))


def test_what_a_test_needs_is_left() -> None:
    """The address without its owner, settings, texts, codes and when to come back."""
    request, answer = scrubbed(json.dumps(REFUSAL))
    sent, told = json.loads(request.body), json.loads(answer["body"]["string"])
    host, _, path = request.uri.partition(".cn-beijing.maas.aliyuncs.com/")
    assert host.startswith("https://scrubbed-")
    assert path == "compatible-mode/v1/chat/completions"
    assert dict(request.headers) == {"content-type": "application/json"}
    assert (sent["model"], sent["temperature"]) == ("qwen3.6-plus", 0.5)
    assert sent["messages"][0]["content"].startswith("Hello, I am scrubbed-")
    assert answer["status"] == {"code": 401, "message": "Unauthorized"}
    assert answer["headers"].keys() == {"content-type", "retry-after", "x-request-id"}
    assert answer["headers"]["retry-after"] == ["7"]
    assert told["error"]["code"] == "invalid_api_key"
    assert told["error"]["message"].startswith("Incorrect API key provided: scrubbed-")


def test_the_same_value_gets_the_same_name() -> None:
    """So that what the client sends back still fits, and an error quotes its request."""
    request, answer = scrubbed(json.dumps(REFUSAL))
    _, called, result = json.loads(request.body)["messages"]
    assert called["tool_calls"][0]["id"] == result["tool_call_id"]
    told = json.loads(answer["body"]["string"])
    assert [told["request_id"]] == answer["headers"]["x-request-id"]
    assert told["request_id"] in told["error"]["message"]


@pytest.mark.parametrize("body", BODIES)
def test_scrubbing_twice_changes_nothing(body: str) -> None:
    """A placeholder is nobody's."""
    request, answer = scrubbed(body)
    again = Scrubber()
    assert text_of(again.request(request), again.response(answer)) == text_of(request, answer)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Use add on 3 and 4, user: please.", id="prose"),
        pytest.param("version 1.2.3 of 2026-11-21 at 12:30:45", id="numbers"),
        pytest.param("get_weather takes a city; task-list, risk-averse", id="words"),
        pytest.param('{"user_location": "Paris", "token": "Rome"}', id="names"),
        pytest.param("qwen3.6-35b-a3b and gen-ai", id="models"),
    ],
)
def test_plain_words_are_left(text: str) -> None:
    """The nets are no finer than they need be."""
    body = json.dumps({"choices": [{"message": {"content": text}}]})
    answer = Scrubber().response(response(body))
    assert json.loads(answer["body"]["string"]) == json.loads(body)


def test_the_callers_exchange_stays_as_it_is() -> None:
    """The live call goes on with what was sent and what came."""
    request, answer = hostile_request(), response(json.dumps(REFUSAL))
    scrubber = Scrubber()
    scrubber.request(request)
    scrubber.response(answer)
    assert text_of(request, answer) == text_of(hostile_request(), response(json.dumps(REFUSAL)))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(
            "https://openrouter.ai/api/v1/chat/completions",
            "https://openrouter.ai/api/v1/chat/completions",
            id="gateway",
        ),
        pytest.param("http://127.0.0.1:4711/v1/chat/completions", "", id="port"),
        pytest.param("http://[2001:db8::1]:8000/v1/chat/completions", "", id="address"),
        pytest.param("https://gpu7.corp.example/t/acme/chat/completions", "", id="own-host"),
    ],
)
def test_a_server_of_ones_own_is_not_named(url: str, expected: str) -> None:
    """Neither its host nor its path."""
    request = Scrubber().request(Request("POST", url, b"{}", {}))
    assert request.uri == (expected or "http://localhost/v1/chat/completions")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(whole(401, REFUSAL, x_request_id=REQUEST_ID, x_account=ACCOUNT), id="error"),
        pytest.param(
            stream([STREAM.encode(), b"data: [DONE]\n\n"], x_account=ACCOUNT), id="stream"
        ),
    ],
)
def test_a_recorded_file_holds_no_secret(script: Script, tmp_path: Path) -> None:
    """From the model through vcrpy into the file, with the recorder's own settings."""
    file = tmp_path / "tape.yaml"
    with FaultServer(script) as server, recording(Readable(), Scrubber([KEY]), file):
        model = ChatQwen36(
            gateway="openrouter",
            base_url=server.url.removesuffix("/chat/completions"),
            api_key=KEY,
            user=SECRETS["a user's own end user"],
            default_headers={"cookie": f"sid={COOKIE}", "x-trace": TRACE},
            default_query={"api_key": "querykey0042"},
            max_retries=0,
        )
        with suppress(QwenError):
            model.invoke(f"Hello, I am {PERSON}.")
    text = file.read_text("utf-8")
    assert "scrubbed-" in text
    assert [what for what, secret in SECRETS.items() if secret in text] == []
