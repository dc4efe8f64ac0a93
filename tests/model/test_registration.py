"""Names in place of models: LangChain's `init_chat_model`, `create_agent`, and our own."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain.embeddings import init_embeddings

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.registration import init_qwen36, register

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

langchain = import_module("langchain.chat_models.base")


@pytest.fixture(autouse=True)
def _table_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has LangChain's table as it comes."""
    monkeypatch.setattr(langchain, "_BUILTIN_PROVIDERS", dict(langchain._BUILTIN_PROVIDERS))
    langchain._get_chat_model_creator.cache_clear()
    embeddings = import_module("langchain.embeddings.base")
    monkeypatch.setattr(embeddings, "_BUILTIN_PROVIDERS", dict(embeddings._BUILTIN_PROVIDERS))
    embeddings._get_embeddings_class_creator.cache_clear()


@pytest.fixture
def server(gateway_server: Server, monkeypatch: pytest.MonkeyPatch) -> LoopbackGateway:
    """Return a gateway that the environment points at."""
    server = gateway_server("dashscope")
    monkeypatch.setenv("DASHSCOPE_API_KEY", server.key)
    monkeypatch.setenv("DASHSCOPE_BASE_URL", server.base_url)
    return server


def test_langchain_does_not_know_us_by_itself() -> None:
    """If it ever does, `register()` has nothing left to do; in a program where nobody called it."""
    code = "from langchain.chat_models import init_chat_model as i; i('qwen36:qwen3.6-plus')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert "Unable to infer model provider" in done.stderr


def test_a_registered_name_makes_a_model(server: LoopbackGateway) -> None:
    """By one string, and by two."""
    register()
    for model in (
        init_chat_model("qwen36:qwen3.6-flash", temperature=0.1),
        init_chat_model("qwen3.6-flash", model_provider="qwen36", temperature=0.1),
    ):
        assert isinstance(model, ChatQwen36)
        assert (model.model_name, model.temperature) == ("qwen3.6-flash", 0.1)
        assert model.invoke("Hi").text == "You said: Hi"


def test_an_agent_of_a_name(server: LoopbackGateway) -> None:
    """`create_agent` takes the string."""
    register()
    agent = create_agent("qwen36:qwen3.6-plus")
    found = agent.invoke({"messages": [{"role": "user", "content": "Hi"}]})
    assert found["messages"][-1].text == "You said: Hi"


def test_a_configurable_model_of_names(server: LoopbackGateway) -> None:
    """LangChain's own configurable model makes ours at each call, tools bound or not."""
    register()
    model = init_chat_model("qwen36:qwen3.6-plus", configurable_fields=("model", "max_tokens"))
    config: Any = {"configurable": {"model": "qwen36:qwen3.6-flash", "max_tokens": 9}}
    model.invoke("Hi", config)
    model.bind_tools([{"name": "f", "description": "A tool."}]).invoke("Hi", config)
    sent = [(body["model"], body["max_tokens"]) for body in server.bodies]
    assert sent == [("qwen3.6-flash", 9), ("qwen3.6-flash", 9)]


def test_registering_twice_changes_nothing(server: LoopbackGateway) -> None:
    """An entry point and a user may both do it."""
    register()
    first = dict(langchain._BUILTIN_PROVIDERS)
    register()
    assert first == langchain._BUILTIN_PROVIDERS


def test_another_table_is_an_error_that_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A LangChain that moved its table is told at once, not by a model that is not found."""
    monkeypatch.delattr(langchain, "_BUILTIN_PROVIDERS")
    with pytest.raises(RuntimeError, match="init_qwen36"):
        register()


def test_a_missing_langchain_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package works without it, so the pip line is in the message."""
    monkeypatch.setitem(sys.modules, "langchain.chat_models.base", None)
    with pytest.raises(ImportError, match=r"pip install 'langchain-qwen36\[agents\]'"):
        register()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(None, ("qwen3.6-plus", "dashscope"), id="default"),
        pytest.param("qwen3.6-flash", ("qwen3.6-flash", "dashscope"), id="bare"),
        pytest.param("qwen36:qwen3.6-flash", ("qwen3.6-flash", "dashscope"), id="provider"),
        pytest.param("vllm:qwen3.6-27b", ("qwen3.6-27b", "vllm"), id="gateway"),
        pytest.param("qwen36:vllm:qwen3.6-27b", ("qwen3.6-27b", "vllm"), id="both"),
    ],
)
def test_a_name_without_registering(
    server: LoopbackGateway, name: str | None, expected: tuple[str, str]
) -> None:
    """`init_qwen36` reads the names that a config file may hold."""
    model = init_qwen36(name, temperature=0.1)
    assert (model.model_name, model._endpoint.gateway.name) == expected
    assert model.temperature == 0.1


def test_a_registered_name_makes_embeddings(server: LoopbackGateway) -> None:
    """`init_embeddings` finds ours by the same name."""
    register()
    embeddings = init_embeddings(
        "qwen36:text-embedding-v4",
        gateway=server.row.name,
        base_url=server.base_url,
        api_key=server.key,
    )
    assert len(embeddings.embed_query("panda")) == 1_024
