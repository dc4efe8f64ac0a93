"""Faults 63 and 71 of the list: life-cycle cases that need the model itself."""

from __future__ import annotations

import copy
import pickle

import pytest
from langchain_core.callbacks import BaseCallbackHandler

from langchain_qwen36 import ChatQwen36


class Quarrelsome(BaseCallbackHandler):
    """Raises at the second token, and has LangChain pass it on."""

    raise_error = True
    run_inline = True

    def __init__(self):
        self.heard = 0

    def on_llm_new_token(self, token, **kwargs):
        """Complain."""
        self.heard += 1
        if self.heard == 2:
            raise ZeroDivisionError("in a callback")


def on(server) -> ChatQwen36:
    """Return a model on a loopback gateway."""
    return ChatQwen36(gateway=server.row.name, base_url=server.base_url, api_key=server.key)


def test_an_error_in_a_callback_goes_through_and_frees_the_connection(gateway_server):
    """The stream is closed, the error is the callback's own, and the next call works."""
    server = gateway_server("openrouter")
    model = on(server)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError, match="in a callback"):
            list(model.stream("Tell me all of it.", {"callbacks": [Quarrelsome()]}))
    assert model.invoke("hi").text
    assert len(server.requests) == 4


async def test_in_async_code_too(gateway_server):
    """The same through astream."""
    server = gateway_server("openrouter")
    model = on(server)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError, match="in a callback"):
            async for _ in model.astream("Tell me all.", {"callbacks": [Quarrelsome()]}):
                pass
    assert (await model.ainvoke("hi")).text
    assert len(server.requests) == 4


@pytest.mark.parametrize("used", [False, True], ids=["before-use", "after-use"])
@pytest.mark.parametrize(
    "duplicate",
    [
        pytest.param(lambda m: pickle.loads(pickle.dumps(m)), id="pickle"),  # noqa: S301
        pytest.param(copy.deepcopy, id="deepcopy"),
    ],
)
async def test_a_copy_calls_on_its_own(gateway_server, duplicate, used):
    """Clients are made again where they are needed; no socket is part of a model's state."""
    server = gateway_server("openrouter")
    model = on(server)
    if used:
        model.invoke("hi")
        await model.ainvoke("hi")
    twin = duplicate(model)
    answers = {twin.invoke("hi").text, (await twin.ainvoke("hi")).text, model.invoke("hi").text}
    assert len(answers) == 1
