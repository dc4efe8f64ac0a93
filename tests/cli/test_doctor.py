"""`python -m langchain_qwen36 doctor`: what it finds, its exit status, and what it never prints."""

from __future__ import annotations

import httpx
import pytest
from loopback import Refusal

from langchain_qwen36.cli import main
from langchain_qwen36.cli.doctor import diagnose


@pytest.fixture
def environment(gateway_server, monkeypatch):
    """Return a gateway on this machine whose key and address are in the environment."""
    server = gateway_server("dashscope")
    monkeypatch.setenv("DASHSCOPE_API_KEY", server.key)
    monkeypatch.setenv("DASHSCOPE_BASE_URL", server.base_url)
    return server


def findings(**settings) -> dict[str, list[tuple[str, str]]]:
    """Status and text of each finding, by its subject."""
    found: dict[str, list[tuple[str, str]]] = {}
    for finding in diagnose(settings):
        found.setdefault(finding.subject, []).append((finding.status, finding.text))
    return found


def serve_models(monkeypatch, status: int, body: object) -> list[dict[str, str]]:
    """Let the list of models answer so; return the headers that are sent."""
    sent: list[dict[str, str]] = []

    def get(url: str, *, headers: dict[str, str], **_: object) -> httpx.Response:
        sent.append(headers)
        return httpx.Response(status, json=body, request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", get)
    return sent


def test_a_working_set_up_is_told_line_by_line(environment, monkeypatch):
    """Versions, gateway, the key's variable, model, price, thinking and server are all found."""
    sent = serve_models(monkeypatch, 200, {"data": [{"id": "qwen3.6-plus"}]})
    found = findings()
    assert {subject: lines[0][0] for subject, lines in found.items()} == {
        "versions": "ok",
        "extras": "ok",
        "gateway": "ok",
        "key": "ok",
        "model": "ok",
        "price": "ok",
        "thinking": "ok",
        "server": "ok",
    }
    assert found["key"][0][1] == "found in DASHSCOPE_API_KEY"
    assert found["thinking"][0][1].startswith("on ")
    assert found["server"][1] == ("ok", "it has qwen3.6-plus")
    assert sent == [{"authorization": f"Bearer {environment.key}"}]


def test_no_key_is_printed(environment, monkeypatch, capsys):
    """Neither a key of the environment nor one that a server refuses is in the report."""
    serve_models(monkeypatch, 401, {"error": {"message": f"wrong: {environment.key}"}})
    assert main(["doctor"]) == 1
    report = capsys.readouterr()
    assert "it refuses the key (status 401)" in report.out
    assert environment.key not in report.out + report.err


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        pytest.param(403, {}, ("FAIL", "refuses the key"), id="forbidden"),
        pytest.param(500, {}, ("FAIL", "answers with status 500"), id="broken"),
        pytest.param(404, {}, ("note", "has no list of models"), id="no-list"),
        pytest.param(200, {"data": []}, ("note", "cannot be read"), id="an-empty-list"),
        pytest.param(200, [1], ("note", "cannot be read"), id="another-form"),
        pytest.param(200, {"data": [{"id": "x"}]}, ("FAIL", "is not among its 1"), id="no-model"),
    ],
)
def test_what_the_server_says_of_its_models_decides(
    environment, monkeypatch, status, body, expected
):
    """A server that refuses, or lacks the model, fails; one that lists nothing is only noted."""
    serve_models(monkeypatch, status, body)
    last = findings()["server"][-1]
    assert last[0] == expected[0]
    assert expected[1] in last[1]


def test_a_server_that_is_not_there_fails(monkeypatch):
    """The kind of failure is named, not its text."""
    found = findings(gateway="vllm", base_url="http://127.0.0.1:9/v1", model="qwen3.6-27b")
    assert found["key"] == [("ok", "none is needed")]
    ((status, text),) = found["server"]
    assert (status, "cannot be reached: ConnectError" in text) == ("FAIL", True)


def test_without_any_key_it_says_what_to_set(capsys):
    """The report ends with the error that a program would meet."""
    assert main(["doctor"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("FAIL  gateway")
    assert "DASHSCOPE_API_KEY" in last


def test_offline_sends_nothing(environment, capsys):
    """`--offline` leaves the server out."""
    assert main(["doctor", "--offline", "--model", "my-finetune"]) == 0
    report = capsys.readouterr().out
    assert "my-finetune is not in the catalogue" in report
    assert "ok    server" not in report
    assert environment.bodies == []


def test_nothing_is_asked_of_a_model(environment, monkeypatch):
    """The check costs nothing: no completion is requested."""
    environment.script(Refusal(500, "never", "never"))
    serve_models(monkeypatch, 200, {"data": [{"id": "qwen3.6-plus"}]})
    findings()
    assert environment.bodies == []


def test_a_server_of_ones_own_is_free(gateway_server):
    """It has no price list, and an answer that costs nothing is not one whose cost is unknown."""
    server = gateway_server("vllm")
    found = findings(gateway="vllm", base_url=server.base_url, model="served")
    assert found["price"][0][0] == "ok"
    assert found["price"][0][1].startswith("free: ")
