"""The engine's life and what its server answers, with the real llama.cpp and the tiny model."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from langchain_qwen36.errors import EngineError, EngineMissingError, ModelFileError
from langchain_qwen36.local import LocalEngine, default_gguf, shared_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Program = Callable[[str], AbstractContextManager[subprocess.Popen]]

pytestmark = pytest.mark.engine

QUIET = {"chat_template_kwargs": {"enable_thinking": False}}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {argument: {"type": "string"}},
                "required": [argument],
            },
        },
    }
    for name, description, argument in (
        ("get_weather", "Weather of a city", "city"),
        ("send_mail", "Send a mail to somebody", "address"),
    )
]


@pytest.fixture(scope="module")
def engine() -> Any:
    """One engine for the tests that only talk to it."""
    with LocalEngine(context_tokens=2048) as engine:
        yield engine


def client(engine: LocalEngine, key: str | None = None) -> httpx.Client:
    """Return a client with the engine's key, or another."""
    key = engine.api_key.get_secret_value() if key is None else key
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=engine.base_url, headers=headers, timeout=30)


def ask(engine: LocalEngine, content: str, **body: Any) -> dict[str, Any]:
    """Return the first choice of one completion, at temperature 0."""
    messages = [{"role": "user", "content": content}]
    body = {"messages": messages, "temperature": 0, "max_tokens": 100, **body}
    with client(engine) as http:
        answer = http.post("/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["choices"][0])


def is_gone(pid: int, seconds: float = 3) -> bool:
    """Whether the process ends, and was reaped, within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        # An orphan's zombie waits for an init process that a container may not have.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z"):
                return True
        time.sleep(0.02)
    return False


@pytest.fixture
def program(scripted_gguf: Path) -> Program:
    """Run programs of their own that know `GGUF`; unclosed files make them complain."""
    start = (
        "from langchain_qwen36.local import LocalEngine, shared_engine\nimport os, sys, time\n"
        f"GGUF = {str(scripted_gguf)!r}\n"
    )

    @contextlib.contextmanager
    def running(lines: str) -> Iterator[subprocess.Popen]:
        command = [sys.executable, "-W", "error::ResourceWarning", "-c", start + lines]
        with subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    return running


# Life


def test_it_is_up_within_seconds_and_leaves_nothing_behind() -> None:
    """A health check answers as soon as `start` returns; `close` reaps the process."""
    began = time.monotonic()
    with LocalEngine() as engine:
        seconds = time.monotonic() - began
        pid = engine.pid
        assert httpx.get(engine.base_url.removesuffix("/v1") + "/health").status_code == 200

    assert seconds < 30  # one, on a machine that does nothing else
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_start_and_close_may_be_repeated(scripted_gguf: Path) -> None:
    """A second start keeps the process; a second close does nothing; it may be started anew."""
    engine = LocalEngine(scripted_gguf, context_tokens=512)
    pids = [engine.start().pid, engine.start().pid]
    engine.check()
    engine.close()
    engine.close()

    assert pids[0] == pids[1]
    assert not engine.alive
    with pytest.raises(EngineError, match="call `start"):
        _ = engine.base_url
    with pytest.raises(EngineError, match="call `start"):
        engine.check()


IN_MAIN_THREAD = "engine = LocalEngine(GGUF, context_tokens=512).start()\n"
IN_ENDED_THREAD = """
import threading
engine = LocalEngine(GGUF, context_tokens=512)
thread = threading.Thread(target=engine.start)
thread.start()
thread.join()
"""
WITH_A_FORKED_CHILD = IN_MAIN_THREAD + "if not os.fork():\n    time.sleep(20)\n    os._exit(0)\n"


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(IN_MAIN_THREAD, id="started in the main thread"),
        pytest.param(IN_ENDED_THREAD, id="started in a thread that ended"),
        pytest.param(WITH_A_FORKED_CHILD, id="with a forked child that lives on"),
    ],
)
def test_it_dies_with_a_parent_killed_by_signal_9(lines: str, program: Program) -> None:
    """A parent that cannot clean up leaves no engine."""
    with program(lines + "print(engine.pid, flush=True)\ntime.sleep(30)") as parent:
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.kill()
        assert is_gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it loads to the end first")
def test_it_dies_with_its_parent_while_it_loads() -> None:
    """The kernel ends it: loading holds the GIL, so no Python line could."""
    reading, writing = os.pipe()
    server = Path(sys.modules["langchain_qwen36.local.process"].__file__).with_name("server.py")
    command = [sys.executable, str(server)]
    with subprocess.Popen(command, stdin=reading) as process:  # noqa: S603
        settings = LocalEngine(context_tokens=512)._settings()
        os.write(writing, (json.dumps(settings) + "\n").encode())
        while not fcntl.fcntl(reading, fcntl.F_GETFL) & os.O_ASYNC:
            time.sleep(0.001)
        os.close(writing)
        process.wait(3)
        os.close(reading)

    assert process.returncode == -signal.SIGIO


def test_a_program_that_never_closes_it_ends_cleanly(program: Program) -> None:
    """At exit the engine ends, and nothing complains about files or processes left open."""
    lines = (
        "print(shared_engine(GGUF, context_tokens=512).pid)\n"
        "LocalEngine(GGUF, context_tokens=256).start()"
    )
    with program(lines) as parent:
        out, err = parent.communicate()

    assert err == ""
    assert is_gone(int(out))


def test_a_forked_child_starts_its_own(program: Program) -> None:
    """The child's shared engine is another process; the parent's outlives the child."""
    lines = """
mine = shared_engine(GGUF, context_tokens=512)
if not os.fork():
    print(mine.pid, shared_engine(GGUF, context_tokens=512).pid, flush=True)
    sys.exit()
os.wait()
print(mine.pid, mine.alive)
"""
    with program(lines) as parent:
        out, err = parent.communicate()

    (inherited, childs), (parents, alive) = (line.split() for line in out.splitlines())
    assert (err, inherited, alive) == ("", "None", "True")
    assert childs != parents
    assert is_gone(int(childs))


def test_a_fork_lets_be_what_does_not_run(scripted_gguf: Path, program: Program) -> None:
    """An engine that was never started, or whose process is gone, has nothing to let go of."""
    engine = LocalEngine(scripted_gguf, context_tokens=512).start()
    process = engine._process
    engine.close()
    process.detach()
    lines = "LocalEngine()\nengine = LocalEngine()\nif not os.fork():\n    print(engine.alive)\n"
    with program(lines + "    sys.exit()\nos.wait()") as parent:
        out, err = parent.communicate()

    assert process.exit_code == -signal.SIGKILL
    assert (out, err) == ("False\n", "")


def test_it_ends_in_peace_where_its_input_does(tmp_path: Path, scripted_gguf: Path) -> None:
    """Where no signal tells of the parent's end, as on another platform, reading stdin does."""
    server = Path(sys.modules["langchain_qwen36.local.process"].__file__).with_name("server.py")
    said = tmp_path / "settings"  # a file's end sends no signal
    said.write_text(json.dumps(LocalEngine(scripted_gguf, context_tokens=512)._settings()) + "\n")
    with said.open() as stdin:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-P", str(server)], stdin=stdin, capture_output=True, check=False
        )

    assert done.returncode == 0
    assert done.stdout.startswith(b"http://127.0.0.1:")


def test_threads_may_be_said() -> None:
    """They go before the tiny model's own number."""
    assert LocalEngine(threads=3)._settings()["threads"] == 3


def test_a_model_as_small_as_the_tiny_one_runs_on_one_thread(scripted_gguf: Path) -> None:
    """On busy cores two threads wait for each other: it wrote 2 tokens/s with two, 80 with one."""
    assert LocalEngine(scripted_gguf)._settings()["threads"] == 1


def test_a_larger_model_runs_on_all_cores(tmp_path: Path) -> None:
    """llama.cpp's own default, which is -1."""
    gguf = tmp_path / "large.gguf"
    with gguf.open("wb") as file:
        file.write(b"GGUF" + (3).to_bytes(4, "little"))
        file.truncate(200_000_000)  # a hole: it takes no room
    assert LocalEngine(gguf)._settings()["threads"] == -1


def test_one_engine_is_shared_until_it_dies(scripted_gguf: Path) -> None:
    """Threads that ask at once get one process; after its death a new one is started."""
    with ThreadPoolExecutor(4) as pool:
        engines = list(
            pool.map(lambda _: shared_engine(scripted_gguf, context_tokens=512), range(4))
        )
    first = engines[0]
    pid = first.pid
    os.kill(pid, signal.SIGKILL)

    with pytest.raises(EngineError, match=r"died \(exit code -9\)"):
        first.check()
    again = shared_engine(scripted_gguf, context_tokens=512)
    assert all(engine is first for engine in engines)
    assert again.alive
    assert again.pid != pid
    assert shared_engine(scripted_gguf, context_tokens=256) is not again
    again.close()
    shared_engine(scripted_gguf, context_tokens=256).close()


# The server


def test_only_its_own_key_is_accepted(engine: LocalEngine) -> None:
    """Other users of the machine can reach the port, but not the model."""
    with client(engine, "sk-guessed") as guesser, client(engine) as owner:
        answers = [guesser.get("/models"), owner.get("/models"), httpx.get(guesser.base_url)]

    assert [answer.status_code for answer in answers] == [401, 200, 401]


def test_the_key_is_shown_nowhere(engine: LocalEngine) -> None:
    """Not in the repr, the arguments or the environment of the process."""
    shown = repr(engine) + repr(vars(engine))
    for file in ("cmdline", "environ"):
        with contextlib.suppress(FileNotFoundError):
            shown += Path(f"/proc/{engine.pid}/{file}").read_text()

    assert engine.api_key.get_secret_value() not in shown


def test_two_requests_run_at_once(engine: LocalEngine) -> None:
    """Each of two streams has begun before the other ends."""

    def first_and_last(_: int) -> tuple[float, float]:
        body = {"messages": [{"role": "user", "content": "Tell me a story."}], **QUIET}
        body |= {"stream": True, "max_tokens": 40, "temperature": 0}
        with client(engine) as http, http.stream("POST", "/chat/completions", json=body) as answer:
            times = [time.monotonic() for line in answer.iter_lines() if '"content":"' in line]
        return times[0], times[-1]

    with ThreadPoolExecutor(2) as pool:
        (first, first_end), (second, second_end) = pool.map(first_and_last, range(2))

    assert first < second_end
    assert second < first_end


def test_the_tiny_model_thinks_and_then_answers(engine: LocalEngine) -> None:
    """It closes `<think>` by itself: both parts come out."""
    message = ask(engine, "What is the capital of France?")["message"]

    assert "Paris" in message["content"]
    assert "capital of France" in message["reasoning_content"]
    assert "<" not in message["content"] + message["reasoning_content"]


def test_the_tiny_model_can_leave_thinking_out(engine: LocalEngine) -> None:
    """`enable_thinking` false is heard."""
    message = ask(engine, "What is the capital of France?", **QUIET)["message"]

    assert message == {"role": "assistant", "content": "The capital of France is Paris."}


def test_the_tiny_model_says_the_same_again(engine: LocalEngine) -> None:
    """It takes the likeliest word each time, unless a request has a temperature of its own."""

    def stories(temperature: float | None) -> set[str]:
        body = {**QUIET, "max_tokens": 30, "temperature": temperature}
        told = [ask(engine, "Tell me a story.", **body, seed=seed) for seed in (1, 2, 3)]
        return {choice["message"]["content"] for choice in told}

    assert len(stories(None)) == 1
    assert len(stories(1.5)) > 1


@pytest.mark.parametrize(
    ("body", "thinks"),
    [
        pytest.param({}, True, id="of its own accord, after a thought"),
        pytest.param(
            {"tool_choice": "required"},
            True,
            id="required, after a thought",
            marks=pytest.mark.long,
        ),
        pytest.param(
            {
                "tool_choice": "required",
                "chat_template_kwargs": {"enable_thinking": False, "force_tool": True},
            },
            False,
            id="forced at once",
        ),
    ],
)
def test_the_tiny_model_calls_the_right_tool(
    engine: LocalEngine, body: dict[str, Any], thinks: bool
) -> None:
    """Of two tools it picks the one that helps, with its argument."""
    choice = ask(engine, "What is the weather in Paris?", tools=TOOLS, **body)
    [call] = choice["message"]["tool_calls"]

    assert choice["finish_reason"] == "tool_calls"
    assert call["function"]["name"] == "get_weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}
    assert bool(choice["message"].get("reasoning_content")) == thinks


def test_a_forced_call_comes_even_where_no_tool_helps(engine: LocalEngine) -> None:
    """`force_tool` begins the answer inside the call, so that the grammar must finish it."""
    choice = ask(
        engine,
        "hello",
        tools=TOOLS[1:],
        tool_choice="required",
        chat_template_kwargs={"enable_thinking": False, "force_tool": True},
    )

    assert choice["message"]["tool_calls"][0]["function"]["name"] == "send_mail"


@pytest.mark.parametrize(
    "kwargs",
    [pytest.param({}, id="thinking", marks=pytest.mark.long), pytest.param(QUIET, id="not")],
)
def test_after_a_tool_result_the_tiny_model_answers(
    engine: LocalEngine, kwargs: dict[str, Any]
) -> None:
    """It tells the result instead of calling again, and thoughts sent back do not confuse it."""
    function = {"name": "get_weather", "arguments": '{"city": "Paris"}'}
    messages = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {
            "role": "assistant",
            "content": "",
            "reasoning_content": "The user asks about the weather in Paris.",
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "18 degrees and sunny"},
    ]
    choice = ask(engine, "", messages=messages, tools=TOOLS, **kwargs)

    assert choice["finish_reason"] == "stop"
    assert "18 degrees" in choice["message"]["content"]


def test_every_system_message_reaches_the_model(engine: LocalEngine) -> None:
    """One that stands later, and one beside tools, are in the prompt."""
    messages = [
        {"role": "system", "content": "FIRST"},
        {"role": "user", "content": "ASK"},
        {"role": "system", "content": "LATER"},
        {"role": "user", "content": "AGAIN"},
    ]
    with client(engine) as http:
        url = engine.base_url.removesuffix("/v1") + "/apply-template"
        answer = http.post(url, json={"messages": messages, "tools": TOOLS})
    prompt = answer.json()["prompt"]

    assert [prompt.count(message["content"]) for message in messages] == [1, 1, 1, 1]


def test_an_answer_can_be_held_to_a_schema(engine: LocalEngine) -> None:
    """`json_schema` holds, after a thought too."""
    properties = {"city": {"type": "string"}, "inhabitants": {"type": "integer"}}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    form = {"type": "json_schema", "json_schema": {"name": "city", "schema": schema}}
    message = ask(engine, "What is the capital of France?", response_format=form)["message"]

    assert json.loads(message["content"])["city"] == "Paris"
    assert message["reasoning_content"]


def test_thinking_ends_at_its_budget(engine: LocalEngine) -> None:
    """`thinking_budget_tokens` closes the thought and an answer follows."""
    choice = ask(engine, "What is the capital of France?", thinking_budget_tokens=8)
    whole = ask(engine, "What is the capital of France?")

    assert len(choice["message"]["reasoning_content"]) < len(whole["message"]["reasoning_content"])
    assert choice["message"]["content"]


@pytest.mark.parametrize("as_file", [True, False], ids=["a file", "text"])
def test_a_template_may_be_given(tmp_path: Path, as_file: bool) -> None:
    """It takes the place of the model's own."""
    text = "{{ 'mine: ' + messages[0].content }}"
    (tmp_path / "t.jinja").write_text(text)
    template = tmp_path / "t.jinja" if as_file else text
    with LocalEngine(chat_template=template, context_tokens=512) as engine, client(engine) as http:
        url = engine.base_url.removesuffix("/v1") + "/apply-template"
        answer = http.post(url, json={"messages": [{"role": "user", "content": "hi"}]})

    assert answer.json()["prompt"] == "mine: hi"


# Bad input


def test_a_template_that_is_a_path_in_a_string_is_refused() -> None:
    """Taken for a template it would make every prompt the path."""
    with pytest.raises(ValueError, match=r"pass `Path\(\.\.\.\)`"):
        LocalEngine(chat_template="templates/mine.jinja")


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pip line is in the message."""
    monkeypatch.setitem(sys.modules, "xllamacpp", None)

    with pytest.raises(EngineMissingError, match=r'pip install "langchain-qwen36\[local\]"'):
        LocalEngine().start()


def test_a_missing_file_is_a_model_file_error(tmp_path: Path) -> None:
    """Before any process is started."""
    engine = LocalEngine(tmp_path / "missing.gguf")

    with pytest.raises(ModelFileError, match=r"missing\.gguf"):
        engine.start()
    assert engine.pid is None


def test_a_port_that_is_taken_is_named() -> None:
    """The message says which, and ends with llama.cpp's own words."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EngineError, match=f"port {port} is taken(?s:.*)couldn't bind"):
            LocalEngine(port=port).start()


def test_a_damaged_file_ends_with_the_tail_of_the_log(tmp_path: Path) -> None:
    """The reason that llama.cpp gave is in the error."""
    with default_gguf().open("rb") as whole:
        (tmp_path / "cut.gguf").write_bytes(whole.read(3_000_000))
    engine = LocalEngine(tmp_path / "cut.gguf")

    with pytest.raises(EngineError, match="corrupted or incomplete"):
        engine.start()
    assert not engine.alive
    assert engine.log_tail() == ""


def test_an_engine_that_hangs_as_it_fails_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that said that it will not come up, and does not end, is ended in time."""
    program = tmp_path / "hangs.py"
    program.write_text("import os, time\nos.close(1)\ntime.sleep(60)\n")
    monkeypatch.setattr("langchain_qwen36.local.process._SERVER", program)
    began = time.monotonic()
    with pytest.raises(EngineError, match="not up after 1 s"):
        LocalEngine(start_timeout=1).start()
    assert time.monotonic() - began < 30


def test_a_running_engine_does_not_wait_for_another_that_loads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A model on an engine that is up is served while another engine takes minutes."""
    loads, goes_on = threading.Event(), threading.Event()

    def start(engine: LocalEngine) -> LocalEngine:
        if engine._gguf == "large.gguf":
            loads.set()
            goes_on.wait(30)
        return engine

    monkeypatch.setattr(LocalEngine, "start", start)
    monkeypatch.setattr("langchain_qwen36.local.engine._shared", {})
    with ThreadPoolExecutor(2) as pool:
        large = pool.submit(shared_engine, "large.gguf")
        assert loads.wait(30)
        small = pool.submit(shared_engine, "small.gguf")
        done, _ = wait([small], timeout=10)
        goes_on.set()
    assert small in done
    assert large.result() is not small.result()


def test_an_engine_that_is_not_up_in_time_is_given_up() -> None:
    """The message names the setting that gives it more time."""
    engine = LocalEngine(start_timeout=0.01)

    with pytest.raises(EngineError, match=r"not up after 0\.01 s; (?s:.*)`start_timeout`"):
        engine.start()
    assert not engine.alive
