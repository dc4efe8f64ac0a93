"""A pytest plugin: in another chat model's unit tests, read and write messages as we do.

Loaded by `test_suites.py` in a process of its own. Every chat model of LangChain's has functions
that turn a response's message into LangChain's and LangChain's into a request's. They are replaced
by ours; tests that call none of them are about other insides and are left out.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._model import prepare
from langchain_qwen36._response.delta import TransportInfo
from langchain_qwen36._response.message import read_completion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.outputs import ChatResult

GATEWAY = os.environ["PEER_GATEWAY"]
MODEL = ChatQwen36(
    model="served",
    gateway=GATEWAY,
    base_url="http://127.0.0.1:9/v1",
    api_key="unused",
    replay_reasoning="all",  # they know no other policy
)


def prepared(messages: list[BaseMessage]) -> Any:
    """Return the request that our model would send."""
    call = prepare.prepare_call(
        MODEL, MODEL._endpoint, None, messages, stop=None, kwargs={}, stream=False
    )
    return call.request


def message_of(wire: Mapping[str, Any], *_: Any, **__: Any) -> BaseMessage:
    """Read the message of a response."""
    if wire.get("role", "assistant") != "assistant":
        pytest.skip("a response's message is the assistant's")
    message = result_of({"choices": [{"index": 0, "message": wire}]}).generations[0].message
    # Theirs is added by the caller of this function, so that its tests compare without it.
    return message.model_copy(update={"response_metadata": {}})


def result_of(response: Any, *_: Any, **__: Any) -> ChatResult:
    """Read a whole response."""
    if isinstance(response, BaseModel):
        response = response.model_dump()
    if not isinstance(response, dict):
        pytest.skip("the body of a response is an object here")
    body: dict[str, Any] = response
    return read_completion(body, prepared([HumanMessage("Hi")]), TransportInfo())


def wire_of(message: BaseMessage, *_: Any, **__: Any) -> dict[str, Any]:
    """Write one message as it stands in a request, in a conversation that a server takes."""
    match message:
        case SystemMessage():
            before, after = [], [HumanMessage("Hi")]
        case ToolMessage(tool_call_id=call_id):
            call = {"name": message.name or "f", "args": {}, "id": call_id}
            before, after = [HumanMessage("Hi"), AIMessage("", tool_calls=[call])], []
        case AIMessage():
            before = [HumanMessage("Hi")]
            after = [ToolMessage("1", tool_call_id=call["id"]) for call in message.tool_calls]
            after = after or [HumanMessage("Go on.")]
        case _:
            before, after = [], []
    sent: list[dict[str, Any]] = prepared([*before, message, *after]).body["messages"]
    return sent[len(before)]


REPLACED = {
    "_convert_dict_to_message": message_of,
    "_convert_message_to_dict": wire_of,
    "_create_chat_result": result_of,
}


class _Absent(ModuleType):
    """A module of theirs: ours where we have its function, else a skip."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in REPLACED:
            return REPLACED[name]
        return type(name, (_Model if name == os.environ["PEER_MODEL"] else _Inside,), {})


class _Absentees(MetaPathFinder, Loader):
    """Imports their packages, installed or not, as modules of ours."""

    packages = tuple(os.environ["PEER_PACKAGES"].split(","))

    def find_spec(self, fullname: str, *_: Any) -> ModuleSpec | None:
        """Find what belongs to one of the packages."""
        top = fullname.partition(".")[0]
        return ModuleSpec(fullname, self, is_package=True) if top in self.packages else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make an empty module."""
        return _Absent(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave it empty."""


class _Inside:
    """A class or function of theirs that we have no counterpart of."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pytest.skip("of their own client's insides")


class _Model(_Inside):
    """Their chat model: only what is replaced can be called."""

    _create_chat_result = staticmethod(result_of)

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take any setting."""


def pytest_configure() -> None:
    """Replace their packages before a test file imports them."""
    sys.meta_path.insert(0, _Absentees())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests that call nothing of what is replaced."""
    mine = [item for item in items if any(name in source_of(item) for name in REPLACED)]
    config.hook.pytest_deselected(items=[item for item in items if item not in mine])
    items[:] = mine


def source_of(item: pytest.Item) -> str:
    """Return the text of a test."""
    return inspect.getsource(item.obj) if isinstance(item, pytest.Function) else ""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write the result of each test."""
    if report.when == "call" or report.outcome != "passed":
        path, _, name = report.nodeid.partition("::")
        line = {"test": f"{Path(path).name}::{name}", "outcome": report.outcome}
        with Path(os.environ["PEER_RESULTS"]).open("a", encoding="utf-8") as results:
            results.write(json.dumps(line) + "\n")
