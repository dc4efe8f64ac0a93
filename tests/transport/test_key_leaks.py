"""A canary for a key: it must reach the gateway, and stand in nothing that leaves the library."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import traceback
from contextlib import aclosing, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import vcr
from answers import chunk
from fault_calls import ANSWER, DONE, GOOD, HELLO, KEY, sse
from fault_server import FaultServer, Wire, stream, whole
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, dumps
from langchain_tests.conftest import _BASE_FILTER_HEADERS
from langsmith_server import LangSmith

import langchain_qwen36
from langchain_qwen36 import ChatQwen36, Timeouts, get_qwen_cost_callback
from langchain_qwen36.errors import QwenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fault_server import Script

HIDDEN = KEY.removeprefix("sk-")
PACKAGE = str(Path(langchain_qwen36.__file__).parent)
QUOTED = f"Bad key Bearer {KEY} (authorization: {KEY})"


class Eavesdropper(BaseCallbackHandler):
    """Writes down whatever a handler is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        """Any event, under any name."""
        if not name.startswith("on_"):
            return super().__getattribute__(name)

        def hear(*args: Any, **kwargs: Any) -> None:
            self.heard.append(f"{name} {args!r} {kwargs!r}")

        return hear


def model(server: FaultServer, **settings: Any) -> ChatQwen36:
    """Return a model with the canary, that does not wait for long."""
    said = {
        "gateway": "dashscope-intl",
        "base_url": server.url.removesuffix("/chat/completions"),
        "api_key": KEY,
        "max_retries": 0,
        "timeout": Timeouts(connect=10, first_event=10, gap=0.3),
        "include_response_headers": True,
    }
    return ChatQwen36(**(said | settings))


def _invoked(asked: ChatQwen36, config: Any) -> object:
    return asked.invoke("Hi!", config)


def _streamed(asked: ChatQwen36, config: Any) -> object:
    with closing(asked.stream("Hi!", config)) as chunks:
        return list(chunks)


def _events(asked: ChatQwen36, config: Any) -> object:
    return list(asked.stream_events("Hi!", config, version="v3"))


def _ainvoked(asked: ChatQwen36, config: Any) -> object:
    return asyncio.run(asked.ainvoke("Hi!", config))


def _astreamed(asked: ChatQwen36, config: Any) -> object:
    async def run() -> object:
        async with aclosing(asked.astream("Hi!", config)) as chunks:
            return [each async for each in chunks]

    return asyncio.run(run())


def _with_a_client_of_ones_own(asked: ChatQwen36, config: Any) -> object:
    # A user's sync client knows no gap: it waits as long as for the first event.
    timeouts = Timeouts(connect=10, first_event=3, gap=0.3)
    with httpx.Client() as client:
        update = {"http_client": client, "timeout": timeouts}
        return _streamed(asked.model_copy(update=update), config)


WAYS = [_invoked, _streamed, _events, _ainvoked, _astreamed, _with_a_client_of_ones_own]

SCRIPTS = [
    pytest.param(lambda wire: (GOOD if b'"stream":true' in wire.body else ANSWER)(wire), id="good"),
    pytest.param(
        whole(401, {"error": {"message": QUOTED, "code": "invalid_api_key", "param": [KEY]}}),
        id="json-error",
    ),
    pytest.param(whole(502, f"<html><title>{QUOTED}</title>{KEY}</html>"), id="html-error"),
    pytest.param(whole(400, f'data: {{"error": "{QUOTED}"}}\n\n'.encode()), id="framed-error"),
    pytest.param(whole(429, QUOTED.encode()), id="text-error"),
    pytest.param(whole(422, {"detail": [{"loc": [KEY], "msg": QUOTED}]}), id="fastapi-error"),
    pytest.param(whole(200, {"error": {"message": QUOTED, "code": 500}}), id="error-in-200"),
    pytest.param(whole(200, {"headers": {"Authorization": f"Bearer {KEY}"}}), id="echo-in-200"),
    pytest.param(whole(200, f"<html>{KEY}</html>"), id="page-in-200"),
    pytest.param(
        stream([*HELLO, sse({**chunk({}, "error"), "error": {"message": QUOTED}}), DONE]),
        id="error-in-stream",
    ),
    pytest.param(stream([*HELLO, b"error: " + QUOTED.encode() + b"\n\n"]), id="error-field"),
    pytest.param(stream([*HELLO, f'data: {{"x": "{KEY}\n\n'.encode()]), id="broken-chunk"),
    pytest.param(stream(HELLO, Wire.rst), id="reset"),
    pytest.param(stream(HELLO, lambda wire: wire.wait(1)), id="stall"),
    pytest.param(lambda wire: wire.fin(), id="no-answer"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_call_tells_the_key_to_its_gateway_only(
    way: Callable[[ChatQwen36, Any], object],
    script: Script,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Answer, error, its body and pickle, frames, logs of all libraries, handlers, bills."""
    caplog.set_level(logging.DEBUG)
    spy, told = Eavesdropper(), []
    with FaultServer(script) as server, get_qwen_cost_callback() as cb:
        try:
            told.append(repr(way(model(server), {"callbacks": [spy]})))
        except QwenError as error:
            told += _of_error(error)
        assert all(wire.headers["authorization"] == f"Bearer {KEY}" for wire in server.requests)
        assert server.requests
    assert spy.heard
    told += [*spy.heard, repr(cb), cb.to_json(), cb.to_csv(), *capfd.readouterr()]
    told += [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert [text for text in told if HIDDEN in text] == []


def _of_error(error: QwenError) -> list[str]:
    shown = [str(error), repr(error), repr(vars(error)), repr(error.args), str(pickle.dumps(error))]
    return [*shown, *traceback.format_exception(error)]


def _frames_with_the_key(error: BaseException) -> list[str]:
    """Our frames whose locals hold it: error trackers send the locals of every frame home."""
    found = []
    seen: traceback.TracebackException | None
    seen = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = 0
    while seen is not None:
        frames = [frame for frame in seen.stack if frame.filename.startswith(PACKAGE)]
        found += [frame.name for frame in frames if HIDDEN in str(frame.locals)]
        ours += len(frames)
        seen = seen.__cause__
    assert ours
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(stream(HELLO, Wire.rst), id="reset"),
        pytest.param(stream(HELLO, lambda wire: wire.wait(1)), id="stall"),
        pytest.param(lambda wire: wire.fin(), id="no answer"),
        pytest.param(whole(401, {"error": {"message": "No."}}), id="refused"),
        pytest.param(whole(307, b"", location="https://example.com"), id="redirect"),
    ],
)
def test_the_frames_of_a_failed_call_do_not_hold_the_key(
    script: Script, way: Callable[[ChatQwen36, Any], object]
) -> None:
    """Whatever failed on the way."""
    with FaultServer(script) as server, pytest.raises(QwenError) as caught:
        way(model(server), None)
    assert _frames_with_the_key(caught.value) == []


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"timeout": "soon"}, id="timeout"),
        pytest.param({"extra_body": {"a": {1, 2}}}, id="body"),
        pytest.param({"reasoning_effort": "hard"}, id="setting"),
        pytest.param({"top_q": 1}, id="keyword"),
    ],
)
def test_the_frames_of_a_call_that_is_not_sent_do_not_hold_the_key(wrong: dict[str, Any]) -> None:
    """What is refused before it is sent."""
    with FaultServer(ANSWER) as server:
        with pytest.raises((TypeError, ValueError)) as caught:
            model(server).invoke("Hi!", **wrong)
        assert _frames_with_the_key(caught.value) == []
        assert server.requests == []


@pytest.mark.parametrize(
    "say",
    [
        pytest.param(repr, id="repr"),
        pytest.param(str, id="str"),
        pytest.param(dumps, id="dumps"),
        pytest.param(lambda asked: repr(dumpd(asked)), id="dumpd"),
        pytest.param(lambda asked: repr(asked.model_dump()), id="model_dump"),
        pytest.param(lambda asked: asked.model_dump_json(), id="model_dump_json"),
        pytest.param(lambda asked: repr(vars(asked)), id="fields"),
        pytest.param(lambda asked: repr(asked._identifying_params), id="identity"),
        pytest.param(lambda asked: asked._get_llm_string(), id="cache key"),
        pytest.param(lambda asked: repr(asked._get_invocation_params()), id="invocation params"),
        pytest.param(lambda asked: repr(asked._get_ls_params()), id="langsmith params"),
        pytest.param(lambda asked: repr(copy.deepcopy(asked)), id="deepcopy"),
        pytest.param(lambda asked: repr(asked.bind(stop="x") | str), id="chain"),
        pytest.param(lambda asked: repr(asked.get_graph().to_json()), id="graph"),
    ],
)
@pytest.mark.parametrize("source", ["given", "variable"])
def test_a_model_does_not_say_its_key(
    say: Callable[[ChatQwen36], str], source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before its first use, and not after."""
    if source == "variable":
        monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)
    with FaultServer(ANSWER) as server:
        asked = model(server, api_key=KEY if source == "given" else None)
        assert HIDDEN not in say(asked)
        asked.invoke("Hi!")
        assert HIDDEN not in say(asked)
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_key_of_the_environment_stays_out_of_pickles(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker that unpickles the model reads its own; a key that was given goes along."""
    monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)
    with FaultServer(ANSWER) as server:
        asked = model(server, api_key=None)
        asked.invoke("Hi!")
        pickled = pickle.dumps(asked)
        assert HIDDEN.encode() not in pickled
        monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-of-the-worker")
        pickle.loads(pickled).invoke("Hi!")  # noqa: S301
        assert server.requests[1].headers["authorization"] == "Bearer sk-of-the-worker"


@pytest.mark.parametrize("script", [SCRIPTS[0], SCRIPTS[1], SCRIPTS[9]])
def test_a_trace_does_not_hold_the_key(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that LangSmith is posted, of good calls and bad."""
    monkeypatch.setenv("LANGSMITH_DISABLE_RUN_COMPRESSION", "true")

    def call() -> None:
        for way in (_invoked, _streamed, _events):
            with FaultServer(script) as server:
                try:
                    way(model(server), None)
                except QwenError:
                    continue

    with LangSmith() as langsmith:
        langsmith.traced(call)
        assert langsmith.bodies
        assert [body for body in langsmith.bodies if HIDDEN.encode() in body] == []


def test_a_cassette_of_langchains_own_settings_does_not_hold_the_key(tmp_path: Path) -> None:
    """Vcrpy writes what is sent; the headers that LangChain's tests filter are where the key is."""
    tape = vcr.VCR(filter_headers=_BASE_FILTER_HEADERS)
    with FaultServer(ANSWER) as server, tape.use_cassette(str(tmp_path / "tape.yaml")):
        model(server).invoke("Hi!")
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert HIDDEN not in (tmp_path / "tape.yaml").read_text("utf-8")


@pytest.mark.parametrize("way", WAYS)
def test_a_redirect_does_not_lead_the_key_away(way: Callable[[ChatQwen36, Any], object]) -> None:
    """Not to another port of the same host, and the error does not quote it."""
    with FaultServer(ANSWER) as other:
        leave = whole(307, b"", location=f"{other.url}?token={KEY}")
        with FaultServer(leave) as server, pytest.raises(QwenError) as caught:
            way(model(server), None)
        assert other.requests == []
    assert HIDDEN not in f"{caught.value!r} {vars(caught.value)}"
