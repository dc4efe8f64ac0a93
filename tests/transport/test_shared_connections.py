"""Connections shared by models, event loops and threads."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest
from builders import model_on, streamed
from fault_calls import GOOD
from fault_server import FaultServer

from langchain_qwen36 import ChatQwen36

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]


@pytest.mark.pain("P16")
def test_a_model_works_in_several_event_loops_and_threads(gateway_server: Server) -> None:
    """A model answers in loops one after another and in threads, one request for every call."""
    server = gateway_server("openai-compatible")
    model = model_on(server, max_retries=0)
    texts: list[str] = []

    def run() -> None:
        texts.append(asyncio.run(model.ainvoke("Hi")).text)

    for _ in range(5):
        run()
    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(server.requests), len(texts), len(set(texts))) == (9, 9, 1)


@pytest.mark.pain("P48")
def test_models_share_their_connections() -> None:
    """A hundred models used once need one connection, and none before the first call."""
    with FaultServer(GOOD) as server:
        models = [ChatQwen36(base_url=server.url, api_key="no-real-key") for _ in range(100)]
        assert server.connections == 0
        assert {streamed(model).text for model in models} == {"Hello"}
        assert (len(server.requests), server.connections) == (100, 1)
