"""`QwenWarning`: what was changed, at the user's line, once for each line and kind."""

from __future__ import annotations

import asyncio
import inspect
import warnings

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ToolStrategy
from pydantic import BaseModel

from langchain_qwen36 import ChatQwen36, QwenWarning
from langchain_qwen36._model import user_warnings


class City(BaseModel):
    """A city."""

    name: str


def structured(server):
    """Return a model that has to switch thinking off to answer, which is worth a warning."""
    model = ChatQwen36(gateway="dashscope", base_url=server.base_url, api_key=server.key)
    return model.with_structured_output(City)


def line() -> int:
    """Return the number of the caller's line."""
    return inspect.currentframe().f_back.f_lineno


def test_it_points_at_the_line_that_called(gateway_server):
    """Neither our files nor LangChain's are of use to who reads the warning."""
    asked = structured(gateway_server("dashscope"))
    with pytest.warns(QwenWarning) as given:
        asked.invoke("Paris?"), (called := line())
    assert (given[0].filename, given[0].lineno) == (__file__, called)


async def ainvoke(model):
    """Call once."""
    await model.ainvoke("Paris?")


async def abatch(model):
    """Call twice at once."""
    await model.abatch(["Paris?", "Rome?"])


async def astream(model):
    """Read a stream."""
    async for _ in model.astream("Paris?"):
        pass


async def gathered(model):
    """Call twice, in tasks of the user's own coroutine."""
    await asyncio.gather(ainvoke(model), ainvoke(model))


async def in_a_task_group(model):
    """Call in a task that the user made."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ainvoke(model))


def lines_of(function) -> range:
    """Return the line numbers of a function."""
    source, first = inspect.getsourcelines(function)
    return range(first, first + len(source))


@pytest.mark.parametrize(
    ("call", "pointed_at"),
    [
        (ainvoke, ainvoke),
        (abatch, abatch),
        (astream, astream),
        (gathered, ainvoke),
        (in_a_task_group, ainvoke),
    ],
)
async def test_an_async_call_is_pointed_at_too(gateway_server, call, pointed_at):
    """LangChain runs it in tasks of its own; the user's line stands in one that awaits them."""
    asked = structured(gateway_server("dashscope"))
    with pytest.warns(QwenWarning) as given:
        await call(asked)
    assert {warning.filename for warning in given} == {__file__}
    assert len({warning.lineno for warning in given}) == len(given) == 1
    assert given[0].lineno in lines_of(pointed_at)


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


def agent_on(server):
    """Return an agent that has to answer with a schema, which a thinking model cannot be forced to.

    The model asks for the weather first, so that it is called twice.
    """
    model = ChatQwen36(gateway="dashscope", base_url=server.base_url, api_key=server.key)
    return create_agent(model, [weather], response_format=ToolStrategy(City))


def invoke_an_agent(agent):
    """Run it in this thread."""
    agent.invoke({"messages": "How is the weather in Paris?"})


async def ainvoke_an_agent(agent):
    """Run it on the event loop."""
    await agent.ainvoke({"messages": "How is the weather in Paris?"})


async def astream_an_agent(agent):
    """Read its messages as they come."""
    async for _ in agent.astream(
        {"messages": "How is the weather in Paris?"}, stream_mode="messages"
    ):
        pass


@pytest.mark.parametrize("run", [invoke_an_agent, ainvoke_an_agent, astream_an_agent])
async def test_an_agent_warns_once_at_the_line_that_runs_it(gateway_server, run):
    """Its loop calls the model again and again, and the user has no line in it.

    LangGraph's own task may be about to run just then, and awaits nothing; so nobody knows who
    awaits it, and the line that made the model is pointed at.
    """
    server = gateway_server("dashscope")
    agent = agent_on(server)
    with pytest.warns(QwenWarning) as given:  # noqa: PT031
        running = run(agent)
        if inspect.isawaitable(running):
            await running
    assert len(server.bodies) > 1
    assert [warning.filename for warning in given] == [__file__]
    known = {*lines_of(run), *(() if run is invoke_an_agent else lines_of(agent_on))}
    assert given[0].lineno in known


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda model: model.batch(["Paris?", "Rome?"]), id="batch"),
        pytest.param(lambda model: asyncio.run(_read_events(model)), id="astream_events"),
    ],
)
def test_the_line_that_made_the_model_is_pointed_at_where_no_other_is_known(gateway_server, call):
    """A thread of LangChain's, or a task that nobody awaits, does not tell who began it."""
    asked = structured(gateway_server("dashscope"))
    with pytest.warns(QwenWarning) as given:
        call(asked)
    assert [warning.filename for warning in given] == [__file__]
    assert given[0].lineno in lines_of(structured)


async def _read_events(model):
    async for _ in model.astream_events("Paris?", version="v2"):
        pass


def test_it_says_which_setting_was_changed_and_how_to_silence_it(gateway_server):
    """What was changed, why, how to say it oneself, and the filter that silences it."""
    asked = structured(gateway_server("dashscope"))
    with pytest.warns(QwenWarning) as given:
        asked.invoke("Paris?")
    text = str(given[0].message)
    assert text.startswith("Thinking was switched off for this call, because ")
    assert "`enable_thinking=False`" in text
    assert "warnings.simplefilter('ignore', langchain_qwen36.QwenWarning)" in text


def test_the_advice_silences_it(gateway_server):
    """What the warning tells the reader to write works."""
    asked = structured(gateway_server("dashscope"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", QwenWarning)
        asked.invoke("Paris?")


def test_a_loop_is_warned_once(gateway_server):
    """One line that calls many times, as an agent's loop does, is warned once for each kind."""
    asked = structured(gateway_server("dashscope"))
    with pytest.warns(QwenWarning) as given:  # noqa: PT031
        for _ in range(3):
            asked.invoke("Paris?")
    assert len(given) == 1


def test_it_is_not_repeated_when_some_library_changes_a_filter(gateway_server):
    """Python forgets what it has warned of at every change of the filters, and many are made."""
    asked = structured(gateway_server("dashscope"))
    with pytest.warns(QwenWarning) as given:  # noqa: PT031
        for _ in range(2):
            asked.invoke("Paris?")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
    assert len(given) == 1


def test_another_line_is_warned_too(gateway_server):
    """Each place in a program is told once."""
    asked = structured(gateway_server("dashscope"))
    with pytest.warns(QwenWarning) as given:  # noqa: PT031
        asked.invoke("Paris?")
        asked.invoke("Rome?")
    assert len({warning.lineno for warning in given}) == len(given) == 2


def test_each_block_that_catches_warnings_begins_anew(gateway_server):
    """A test that expects a warning gets it, whichever test ran before."""
    asked = structured(gateway_server("dashscope"))
    counts = []
    for _ in range(2):
        with pytest.warns(QwenWarning) as given:
            asked.invoke("Paris?")
        counts.append(len(given))
    assert counts == [1, 1]


def test_an_error_is_raised_every_time(gateway_server):
    """Who turns warnings into errors wants each call to fail."""
    asked = structured(gateway_server("dashscope"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", QwenWarning)
        for _ in range(2):
            with pytest.raises(QwenWarning):
                asked.invoke("Paris?")


def test_only_a_few_lists_of_filters_are_remembered():
    """A program that opens `catch_warnings` for ever does not fill the memory."""
    for _ in range(30):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            user_warnings.warn_of_changes({"x": "y"})
    assert len(user_warnings._given) <= user_warnings._REMEMBERED_FILTERS
