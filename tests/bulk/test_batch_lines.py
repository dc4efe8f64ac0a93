"""What a request becomes on its way into a batch."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._model.prepare import prepare_call
from langchain_qwen36.bulk.batch.chains import BatchChain
from langchain_qwen36.bulk.batch.lines import (
    batch_body,
    batch_gateway,
    encode_line,
    inline_submission,
    mode_of,
)
from langchain_qwen36.bulk.batch.part_files import PartBodies, PartWriter
from langchain_qwen36.bulk.batch.store import Part
from langchain_qwen36.catalog.batch_services import BatchService, batch_service
from langchain_qwen36.errors import MessageError, UnsupportedSettingError

if TYPE_CHECKING:
    from pathlib import Path

FILE = batch_service("dashscope")
INLINE = batch_service("openrouter")


def request_of(model: ChatQwen36, *messages: Any, **kwargs: Any) -> Any:
    """Build a request as a batch would."""
    endpoint = model._endpoint
    return prepare_call(
        model,
        replace(endpoint, gateway=batch_gateway(endpoint.gateway)),
        None,
        list(messages) or [HumanMessage("hi")],
        stop=None,
        kwargs=kwargs,
        stream=False,
    ).request


def dashscope(**settings: Any) -> ChatQwen36:
    """Make a model of Beijing."""
    return ChatQwen36(gateway="dashscope", api_key="k", **{"model": "qwen3.6-flash"} | settings)


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        pytest.param("qwen3.6-flash", {}, True, id="thinks-by-itself"),
        pytest.param("qwen3.6-flash", {"enable_thinking": False}, False, id="switched-off"),
        pytest.param("qwen3.6-flash", {"thinking_budget": 100}, True, id="by-a-budget"),
        pytest.param("qwen-plus", {}, False, id="does-not-think-by-itself"),
        pytest.param("qwen-plus", {"enable_thinking": True}, True, id="switched-on"),
    ],
)
def test_every_body_says_whether_to_think(
    model: str, settings: dict[str, Any], expected: bool
) -> None:
    """Thoughts are billed in a batch and do not come back, so no body leaves thinking open."""
    body = batch_body(request_of(dashscope(model=model, **settings)))
    assert body["enable_thinking"] is expected


def test_a_model_of_which_nothing_is_known_must_be_told_whether_to_think() -> None:
    """The error names the setting."""
    request = request_of(dashscope(model="qwen9-ultra"))
    with pytest.raises(UnsupportedSettingError, match="`enable_thinking` to True or False"):
        batch_body(request)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="plain"),
        pytest.param({"streaming": True, "enable_thinking": True}, id="streaming-model"),
        pytest.param({"extra_body": {"stream": True}}, id="in-extra_body"),
        pytest.param({"extra_body": {"stream_options": {"x": 1}}}, id="options-in-extra_body"),
    ],
)
def test_no_body_asks_for_a_stream(settings: dict[str, Any]) -> None:
    """A batch answers in one piece, also where live calls must stream inside."""
    body = batch_body(request_of(dashscope(**settings)))
    assert {"stream", "stream_options"} & body.keys() == set()


@pytest.mark.filterwarnings("ignore::langchain_qwen36._model.user_warnings.QwenWarning")
@pytest.mark.parametrize("marked", ["by a setting", "by hand", "on a tool"])
def test_no_body_carries_cache_marks(marked: str) -> None:
    """Batches know no cache, so no mark is paid for."""
    mark = {"cache_control": {"type": "ephemeral"}}
    text = [{"type": "text", "text": "word " * 3000, **(mark if marked == "by hand" else {})}]
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}, **mark}
    request = request_of(
        dashscope(prompt_cache="auto" if marked == "by a setting" else None),
        SystemMessage(text),
        HumanMessage("hi"),
        **({"tools": [tool]} if marked == "on a tool" else {}),
    )
    assert "cache_control" not in json.dumps(batch_body(request))


def test_a_line_is_the_request_in_openais_envelope() -> None:
    """The thinking switch stands at the top of the body, not in `extra_body`."""
    body = batch_body(request_of(dashscope(enable_thinking=False)))
    assert json.loads(encode_line("row-1", body, FILE)) == {
        "custom_id": "row-1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "qwen3.6-flash",
            "messages": [{"role": "user", "content": "hi"}],
            "enable_thinking": False,
        },
    }


@pytest.mark.parametrize("custom_id", ["", "x" * 257])
def test_an_id_that_no_service_takes_is_refused(custom_id: str) -> None:
    """1 to 256 characters, else validation would fail for the whole file."""
    with pytest.raises(MessageError, match="1 to 256"):
        encode_line(custom_id, {"model": "m"}, FILE)


def test_a_line_of_exactly_the_limit_passes_and_one_byte_more_is_refused() -> None:
    """1,000,000 bytes; the error says how long it is and what to do."""
    body = {"model": "m", "messages": [{"role": "user", "content": ""}]}
    room = 1_000_000 - len(encode_line("r", body, FILE))
    body["messages"][0]["content"] = "x" * room
    assert len(encode_line("r", body, FILE)) == 1_000_000
    body["messages"][0]["content"] += "x"
    with pytest.raises(MessageError, match=r"1,000,001 bytes .* takes 1,000,000"):
        encode_line("r", body, FILE)


def test_the_requests_of_an_inline_batch_come_last() -> None:
    """OpenRouter reads the call as it comes: model and provider must stand before them."""
    body = {"model": "qwen/qwen3.7-plus", "provider": {"only": ["alibaba"]}, "messages": []}
    lines = [encode_line(name, body, INLINE) for name in ("a", "b")]
    submission = inline_submission(body, lines, window="24h")
    assert list(json.loads(submission).items()) == [
        ("endpoint", "/v1/chat/completions"),
        ("model", "qwen/qwen3.7-plus"),
        ("provider", {"only": ["alibaba"]}),
        ("completion_window", "24h"),
        (
            "requests",
            [
                {"custom_id": "a", "body": {"messages": []}},
                {"custom_id": "b", "body": {"messages": []}},
            ],
        ),
    ]


class Planned:
    """Collects the parts of a writer."""

    def __init__(self, folder: Path, **limits: int) -> None:
        self.parts: list[tuple[Part, list[str]]] = []
        service = BatchService(gateway="dashscope", form="file", **limits)
        self.writer = PartWriter(
            folder, service, self._new_part, lambda part, keys: self.parts.append((part, keys))
        )

    def _new_part(self, mode: tuple[str, bool | None]) -> Part:
        return Part(run=1, gateway="g", base_url="b", model=mode[0], thinking=mode[1])

    def keys(self) -> list[list[str]]:
        """Return the keys of each part."""
        return [keys for _, keys in self.parts]


def test_requests_become_as_many_files_as_the_limit_of_lines_needs(tmp_path: Path) -> None:
    """Seven rows at three a file are three files, in order, the last one shorter."""
    planned = Planned(tmp_path, max_requests=3)
    for number in range(7):
        planned.writer.add(str(number), b'{"custom_id":"%d"}' % number, ("m", False))
    planned.writer.close()
    assert planned.keys() == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


def test_a_file_is_never_larger_than_its_limit(tmp_path: Path) -> None:
    """A line that does not fit begins the next file."""
    planned = Planned(tmp_path, max_bytes=50)
    for number in range(5):
        planned.writer.add(str(number), b"x" * 20, ("m", False))
    planned.writer.close()
    sizes = [(tmp_path / part.file).stat().st_size for part, _ in planned.parts]
    assert sizes == [42, 42, 21]


def test_models_and_thinking_modes_do_not_share_a_file(tmp_path: Path) -> None:
    """A gateway refuses the whole of a file that mixes them."""
    planned = Planned(tmp_path, max_requests=10)
    modes = [("a", True), ("a", False), ("b", True), ("a", True)]
    for number, mode in enumerate(modes):
        planned.writer.add(str(number), b"x", mode)
    planned.writer.close()
    assert [((part.model, part.thinking), keys) for part, keys in planned.parts] == [
        (("a", True), ["0", "3"]),
        (("a", False), ["1"]),
        (("b", True), ["2"]),
    ]


def test_files_of_prompts_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    """Prompts may be private."""
    planned = Planned(tmp_path)
    planned.writer.add("1", b"x", ("m", False))
    planned.writer.close()
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]


def test_a_body_is_read_back_by_its_key(tmp_path: Path) -> None:
    """A reader of results needs the tools and limits of the request; an unknown key has none."""
    planned = Planned(tmp_path)
    for number in range(3):
        line = encode_line(f"k{number}", {"model": "m", "seed": number}, FILE)
        planned.writer.add(f"k{number}", line, ("m", False))
    planned.writer.close()
    bodies = PartBodies(tmp_path / planned.parts[0][0].file)
    read = [bodies.body(key) for key in ("k2", "k0", "other")]
    bodies.close()
    assert read == [{"model": "m", "seed": 2}, {"model": "m", "seed": 0}, {}]


def test_the_mode_of_a_request_is_its_model_and_whether_it_thinks() -> None:
    """The model as the gateway spells it."""
    assert mode_of(request_of(dashscope(enable_thinking=False))) == ("qwen3.6-flash", False)


def test_a_chain_is_taken_apart_around_its_model() -> None:
    """What is bound to the model is kept; a prompt before and a parser behind it are run here."""
    prompt = ChatPromptTemplate.from_messages([("user", "Say {word}")])
    chain = BatchChain.of(prompt | dashscope().bind(seed=7) | StrOutputParser())
    assert chain.kwargs == {"seed": 7}
    assert [m.content for m in chain.messages({"word": "hi"})] == ["Say hi"]
    assert chain.parse is not None


@pytest.mark.parametrize("value", [lambda x: x, "model"], ids=["function", "text"])
def test_what_holds_no_model_of_ours_is_refused(value: Any) -> None:
    """The error says what a batch runs."""
    with pytest.raises(UnsupportedSettingError, match="A batch runs a `ChatQwen36`"):
        BatchChain.of(value)
