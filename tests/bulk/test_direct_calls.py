"""Rows are called without a run of LangChain where nothing takes part in one; results are equal."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import pytest
from bulk_runs import PROMPT, model_of, numbered, read_rows
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import RunnableBinding, RunnableLambda
from loopback import Raw, Reply

from langchain_qwen36 import ChatQwen36, bulk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable
    from loopback import LoopbackGateway

ROWS = 5
OBJECT = {"title": "Weather", "type": "object", "properties": {"city": {"type": "string"}}}


@pytest.fixture
def server(gateway_server: Callable[..., LoopbackGateway]) -> LoopbackGateway:
    """Serve a gateway."""
    return gateway_server()


class Counting(BaseCallbackHandler):
    """Counts the runs of models that end, well or not."""

    def __init__(self) -> None:
        self.ended = 0

    def on_llm_end(self, *_: Any, **__: Any) -> None:
        """Count an answer."""
        self.ended += 1

    def on_llm_error(self, *_: Any, **__: Any) -> None:
        """Count an error."""
        self.ended += 1


class CountingLimiter(BaseRateLimiter):
    """Counts the calls that are let through."""

    def __init__(self) -> None:
        self.calls = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        """Let a call through."""
        self.calls += blocking
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        """Let a call through."""
        return self.acquire(blocking=blocking)


def run(
    model: Runnable[Any, Any], output: Path, rows: Any = None, **settings: Any
) -> list[dict[str, Any]]:
    """Run rows and return the output."""
    settings = {"prompt": PROMPT, "progress": False, **settings}
    bulk.run(model, rows or numbered(ROWS), output=output, **settings)
    return read_rows(output)


@pytest.mark.parametrize(
    ("reply", "bound"),
    [
        pytest.param(Reply("fine"), {}, id="text"),
        pytest.param(Reply("fine"), {"stop": ["x"], "temperature": 0.5}, id="bound settings"),
        pytest.param(Reply("fine", reasoning="so"), {"enable_thinking": True}, id="reasoning"),
        pytest.param(Reply("fine"), {"max_retries": 3}, id="bound retries"),
        pytest.param(
            Raw(status=400, body={"error": {"message": "bad", "code": "invalid_parameter"}}),
            {},
            id="refused",
        ),
        pytest.param(
            Raw(body={"choices": [{"message": {"content": "x"}, "finish_reason": "length"}]}),
            {},
            id="cut, without usage",
        ),
    ],
)
def test_a_row_is_the_same_with_and_without_a_run(
    server: LoopbackGateway, tmp_path: Path, reply: Any, bound: dict[str, Any]
) -> None:
    """A callback handler makes each call a run of LangChain; nothing of the output changes."""
    model = model_of(server).bind(**bound)
    server.script(*[reply] * 2)
    directly = run(model, tmp_path / "directly.jsonl", numbered(1))
    watched = model.with_config(callbacks=[Counting()])
    with_run = run(watched, tmp_path / "with_run.jsonl", numbered(1))
    assert directly == with_run
    first, second = (request.body for request in server.requests)
    assert first == second


@pytest.mark.parametrize("method", ["function_calling", "json_mode"])
def test_a_schema_is_sent_the_same_with_and_without_a_run(
    server: LoopbackGateway, tmp_path: Path, method: str
) -> None:
    """`with_structured_output` binds keywords for tracers, which `ainvoke` takes out again."""
    model = model_of(server).with_structured_output(OBJECT, method=method).first
    directly = run(model, tmp_path / "directly.jsonl", numbered(1))
    watched = model.with_config(callbacks=[Counting()])
    with_run = run(watched, tmp_path / "with_run.jsonl", numbered(1))
    assert [row["error"] for row in (*directly, *with_run)] == [None, None]
    first, second = (request.body for request in server.requests)
    assert first == second


def test_blocks_of_content_are_converted_as_in_a_run(
    server: LoopbackGateway, tmp_path: Path
) -> None:
    """Messages with a list of blocks, as LangChain's loaders write them, are sent the same."""
    image = {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}}
    content = [{"type": "text", "text": "What is it?"}, image]
    rows = [{"id": "a", "messages": [{"role": "user", "content": content}]}]
    model = model_of(server)
    run(model, tmp_path / "directly.jsonl", rows, prompt=None)
    watched = model.with_config(callbacks=[Counting()])
    run(watched, tmp_path / "with_run.jsonl", rows, prompt=None)
    first, second = (request.body for request in server.requests)
    assert first == second


class TestWhatTakesPart:
    """Whatever takes part in the runs of a model still sees each row."""

    def test_callbacks_of_the_model(self, server: LoopbackGateway, tmp_path: Path) -> None:
        """`callbacks=` of the constructor."""
        handler = Counting()
        run(model_of(server, callbacks=[handler]), tmp_path / "out.jsonl")
        assert handler.ended == ROWS

    def test_callbacks_that_are_bound(self, server: LoopbackGateway, tmp_path: Path) -> None:
        """`with_config(callbacks=…)`, under other bindings too."""
        handler = Counting()
        model = model_of(server).with_config(callbacks=[handler]).bind(temperature=0)
        run(model, tmp_path / "out.jsonl")
        assert handler.ended == ROWS

    def test_a_usage_context(self, server: LoopbackGateway, tmp_path: Path) -> None:
        """`get_usage_metadata_callback` around the run."""
        with get_usage_metadata_callback() as usage:
            written = run(model_of(server), tmp_path / "out.jsonl")
        [counted] = usage.usage_metadata.values()
        assert counted["total_tokens"] == sum(row["usage"]["total_tokens"] for row in written)

    async def test_the_run_around_it(self, server: LoopbackGateway, tmp_path: Path) -> None:
        """A bulk run inside a chain reports its calls to the chain's callbacks."""
        handler = Counting()

        async def step(_: Any) -> None:
            settings: Any = {"output": tmp_path / "out.jsonl", "prompt": PROMPT, "progress": False}
            await bulk.arun(model_of(server), numbered(ROWS), **settings)

        await RunnableLambda(step).ainvoke({}, {"callbacks": [handler]})
        assert handler.ended == ROWS

    @pytest.mark.parametrize("is_global", [False, True], ids=["of the model", "global"])
    def test_a_cache(self, server: LoopbackGateway, tmp_path: Path, *, is_global: bool) -> None:
        """Equal requests are answered from LangChain's cache."""
        cache = InMemoryCache()
        set_llm_cache(cache if is_global else None)
        try:
            model = model_of(server, cache=None if is_global else cache)
            rows = [{"id": f"r{number}", "text": "the same"} for number in range(ROWS)]
            run(model, tmp_path / "out.jsonl", rows, max_concurrency=1)
        finally:
            set_llm_cache(None)
        assert len(server.requests) == 1

    def test_a_rate_limiter(self, server: LoopbackGateway, tmp_path: Path) -> None:
        """Each call waits for the model's `rate_limiter`."""
        limiter = CountingLimiter()
        run(model_of(server, rate_limiter=limiter), tmp_path / "out.jsonl")
        assert limiter.calls == ROWS

    def test_streaming(self, server: LoopbackGateway, tmp_path: Path) -> None:
        """`streaming=True` asks for a stream, as `ainvoke` does."""
        run(model_of(server, streaming=True), tmp_path / "out.jsonl")
        assert [request.body["stream"] for request in server.requests] == [True] * ROWS

    def test_an_ainvoke_of_a_subclass(self, server: LoopbackGateway, tmp_path: Path) -> None:
        """A class of the user's own may wrap `ainvoke`."""
        asked = []

        class Own(ChatQwen36):
            async def ainvoke(self, *args: Any, **kwargs: Any) -> AIMessage:
                asked.append(args)
                return await super().ainvoke(*args, **kwargs)

        settings = {"gateway": "dashscope", "base_url": server.base_url, "api_key": server.key}
        run(Own(model="qwen3.6-flash", **settings), tmp_path / "out.jsonl")
        assert len(asked) == ROWS

    def test_a_binding_of_the_users_own(self, server: LoopbackGateway, tmp_path: Path) -> None:
        """A subclass of `RunnableBinding` may wrap `ainvoke`, under other bindings too."""
        asked = []

        class Own(RunnableBinding):  # type: ignore[type-arg]
            async def ainvoke(self, *args: Any, **kwargs: Any) -> Any:
                asked.append(args)
                return await super().ainvoke(*args, **kwargs)

        run(Own(bound=model_of(server)).bind(temperature=0), tmp_path / "out.jsonl")
        assert len(asked) == ROWS

    @pytest.mark.parametrize(
        "step", ["ainvoke", "agenerate_prompt", "agenerate", "_agenerate_with_cache"]
    )
    def test_a_monitoring_agent(
        self, server: LoopbackGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        """Agents wrap methods of `BaseChatModel` while the program runs."""
        calls = []
        own = getattr(BaseChatModel, step)

        @wraps(own)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            calls.append(args)
            return await own(*args, **kwargs)

        monkeypatch.setattr(BaseChatModel, step, wrapper)
        run(model_of(server), tmp_path / "out.jsonl")
        assert len(calls) == ROWS
