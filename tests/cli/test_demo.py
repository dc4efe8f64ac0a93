"""`python -m langchain_qwen36 demo`: a question, a tool call, an answer, and their cost."""

from __future__ import annotations

import sys

import pytest
from loopback import Call, Refusal, Reply

from langchain_qwen36.cli import main

CALL = Call("get_weather", '{"city": "Paris"}')


@pytest.fixture
def server(gateway_server, monkeypatch):
    """Return a gateway on this machine whose key and address are in the environment."""
    server = gateway_server("dashscope")
    monkeypatch.setenv("DASHSCOPE_API_KEY", server.key)
    monkeypatch.setenv("DASHSCOPE_BASE_URL", server.base_url)
    return server


def test_it_shows_reasoning_call_result_answer_and_cost(server, capsys):
    """The tool is really called, and its result goes back to the model."""
    server.script(
        Reply(reasoning="I need the weather.", calls=(CALL,)),
        Reply(text="It is 17 degrees."),
    )
    assert main(["demo", "Weather", "in", "Paris?"]) == 0
    output = capsys.readouterr().out
    parts = [
        "qwen3.6-flash is asked: Weather in Paris?",
        "I need the weather.",
        "→ get_weather({'city': 'Paris'})",
        "← 17 degrees and rainy",
        "It is 17 degrees.",
        "for 2 calls",
    ]
    positions = [output.find(part) for part in parts]
    assert -1 not in positions
    assert positions == sorted(positions)
    assert server.bodies[-1]["messages"][-1]["role"] == "tool"


def test_it_ends_where_a_model_never_stops_calling(server, capsys):
    """Four calls of the model are the most."""
    server.script(*[Reply(calls=(CALL,))] * 9)
    assert main(["demo"]) == 0
    assert len(server.bodies) == 4
    assert "for 4 calls" in capsys.readouterr().out


def test_a_refusal_is_one_line(server, capsys):
    """An error is told without a traceback, and the status is 1."""
    server.script(Refusal(401, "Incorrect API key", "invalid_api_key"))
    assert main(["demo"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("langchain_qwen36 demo: ")
    assert "Traceback" not in error


def test_without_key_and_engine_it_says_what_to_install(monkeypatch, capsys):
    """Who installed only the wheel is told of the extra and of the keys."""
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    # An engine that another test started would serve this one as well.
    monkeypatch.setattr("langchain_qwen36.local.engine._shared", {})
    assert main(["demo"]) == 1
    error = capsys.readouterr().err
    assert "langchain-qwen36[local]" in error
    assert "set the key of a gateway" in error
