"""`QwenWarning`: what was changed, at the user's line, once for each line and kind."""

from __future__ import annotations

import inspect
import warnings

import pytest
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


async def test_an_async_call_points_at_no_file_of_a_library(gateway_server):
    """LangChain runs it in a task of its own, on whose stack the user's line does not stand."""
    asked = structured(gateway_server("dashscope"))
    with pytest.warns(QwenWarning) as given:
        await asked.ainvoke("Paris?")
    assert given[0].filename in {__file__, "sys", "<string>"}  # the last is xdist's worker


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
