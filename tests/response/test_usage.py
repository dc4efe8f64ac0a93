"""Usage objects of every spelling, and usage over a stream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from answers import USAGE, agreed, chunk, completion, read, request, text_chunks
from builders import model_on, streamed
from langchain_core.callbacks import UsageMetadataCallbackHandler
from loopback import Raw

from langchain_qwen36._response import usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(None, None, id="none"),
        pytest.param({}, None, id="empty"),
        pytest.param({"cost": 0.1}, None, id="no-counts"),
        pytest.param(
            {"prompt_tokens": 3, "completion_tokens": 4},
            {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
            id="total-is-the-sum",
        ),
        pytest.param(
            {"prompt_tokens": 3, "total_tokens": 7},
            {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
            id="output-is-the-rest",
        ),
        pytest.param(
            {"completion_tokens": 4, "total_tokens": 7},
            {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
            id="input-is-the-rest",
        ),
        pytest.param(
            {"completion_tokens": 0},
            {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0},
            id="only-an-output-of-nothing",
        ),
        pytest.param(
            {"completion_tokens": 4},
            {"input_tokens": 0, "output_tokens": 4, "total_tokens": 4},
            id="only-an-output",
        ),
        pytest.param(
            {"prompt_tokens": 0},
            {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0},
            id="only-an-input-of-nothing",
        ),
        pytest.param(
            {"prompt_tokens": 3},
            {"input_tokens": 3, "output_tokens": 0, "total_tokens": 3},
            id="only-an-input",
        ),
        pytest.param(
            {"total_tokens": 7},
            {"input_tokens": 7, "output_tokens": 0, "total_tokens": 7},
            id="only-a-total",
        ),
        pytest.param(
            {"input_tokens": 3, "output_tokens": 4, "total_tokens": 8},
            {"input_tokens": 3, "output_tokens": 4, "total_tokens": 8},
            id="other-names-and-given-total",
        ),
        pytest.param(
            {
                "prompt_tokens": 3019,
                "completion_tokens": 104,
                "total_tokens": 3123,
                "completion_tokens_details": {"text_tokens": 104, "reasoning_tokens": 90},
                "prompt_tokens_details": {
                    "text_tokens": 3019,
                    "cached_tokens": 2048,
                    "cache_creation": {"ephemeral_5m_input_tokens": 900},
                    "cache_creation_input_tokens": 900,
                    "cache_type": "ephemeral",
                },
            },
            {
                "input_tokens": 3019,
                "output_tokens": 104,
                "total_tokens": 3123,
                "input_token_details": {"cache_read": 2048, "cache_creation": 900},
                "output_token_details": {"reasoning": 90},
            },
            id="p29-two-names-for-one-number",
        ),
        pytest.param(
            USAGE | {"prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2}},
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "total_tokens": 15,
                "input_token_details": {"cache_read": 4, "cache_creation": 2},
            },
            id="cache-write-tokens",
        ),
        pytest.param(
            USAGE | {"prompt_cache_hit_tokens": 4, "prompt_tokens_details": None},
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "total_tokens": 15,
                "input_token_details": {"cache_read": 4},
            },
            id="prompt-cache-hit-tokens",
        ),
        pytest.param(
            USAGE | {"prompt_tokens_details": {"cached_tokens": None}},
            {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
            id="p29-null-is-unknown",
        ),
        pytest.param(
            USAGE | {"prompt_tokens_details": {"image_tokens": 6, "video_tokens": 0}},
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "total_tokens": 15,
                "input_token_details": {"image": 6},
            },
            id="image-tokens",
        ),
        pytest.param(
            USAGE | {"prompt_tokens_details": {"image_tokens": 6, "cached_tokens": 4}},
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "total_tokens": 15,
                "input_token_details": {"cache_read": 4, "image": 6},
            },
            id="t31-disjoint-kinds-may-be-all-there-is",
        ),
        pytest.param(
            USAGE | {"prompt_tokens_details": {"image_tokens": 6, "cached_tokens": 8}},
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "total_tokens": 15,
                "input_token_details": {"cache_read": 8},
            },
            id="t31-overlapping-kinds-are-left-out",
        ),
        pytest.param(
            USAGE | {"completion_tokens_details": {"reasoning_tokens": 61, "audio_tokens": 1}},
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "total_tokens": 15,
                "output_token_details": {"reasoning": 5, "audio": 1},
            },
            id="a-part-is-no-more-than-the-whole",
        ),
        pytest.param(
            {"prompt_tokens": 10.0, "completion_tokens": 5.0, "total_tokens": True},
            {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
            id="t1-ints-only",
        ),
        pytest.param(
            {"prompt_tokens": float("inf"), "completion_tokens": float("nan")},
            None,
            id="t1-no-number-is-no-count",
        ),
        pytest.param(
            USAGE | {"prompt_tokens": -1, "prompt_tokens_details": {"cached_tokens": -1}},
            {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
            id="below-zero-is-unknown",
        ),
        pytest.param(
            USAGE | {"total_tokens": 5},
            {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
            id="a-total-is-no-less-than-its-parts",
        ),
        pytest.param(
            {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
            {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0},
            id="a-cached-response-cost-nothing",
        ),
    ],
)
def test_from_wire(raw: dict | None, expected: dict | None) -> None:
    """Every spelling becomes ints, disjoint, with what is unknown left out."""
    assert expected == usage.from_wire(raw)
    assert "." not in json.dumps(usage.from_wire(raw))


def payloads_with(usages: list[dict | None]) -> list[dict]:
    """Return a stream that carries these usage objects, the last one on a chunk of its own."""
    return [
        *(chunk({"content": "a"}, usage=raw) for raw in usages[:-1]),
        chunk(finish="stop"),
        {"choices": [], "usage": usages[-1]},
    ]


ZERO = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


@pytest.mark.pain("P09")
@pytest.mark.parametrize(
    "usages",
    [
        pytest.param([None, None, USAGE], id="usage-only-chunk"),
        pytest.param([USAGE, USAGE, USAGE], id="p09-repeated"),
        pytest.param(
            [USAGE | {"completion_tokens": n, "total_tokens": 10 + n} for n in (1, 3, 5)],
            id="p09-cumulative",
        ),
        pytest.param([ZERO, ZERO, USAGE], id="f48-zeros-first"),
        pytest.param([USAGE, ZERO, ZERO], id="zeros-last"),
        pytest.param([USAGE, None, {}], id="empty-last"),
        pytest.param([None, USAGE, None], id="amid-nulls"),
        pytest.param([USAGE, "none", ["none"]], id="another-shape-last"),
        pytest.param(
            [ZERO | {"prompt_tokens": 10}, None, {"completion_tokens": 5}], id="one-count-on-each"
        ),
        pytest.param(
            [
                ZERO | {"prompt_tokens": 10, "total_tokens": 10},
                None,
                ZERO | {"completion_tokens": 5, "total_tokens": 5},
            ],
            id="one-count-on-each-beside-zeros",
        ),
        pytest.param([{"input_tokens": 10}, None, {"output_tokens": 5}], id="anthropics-names"),
        pytest.param([USAGE, None, USAGE | {"completion_tokens": 0}], id="no-output-last"),
    ],
)
def test_the_last_count_is_the_count(usages: list[dict | None]) -> None:
    """Usage on several chunks is never summed, and zeros replace nothing."""
    expected = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    assert expected == agreed(payloads_with(usages))["usage"]


@pytest.mark.parametrize("name", ["prompt_tokens", "completion_tokens", "total_tokens"])
def test_any_count_goes_before_zeros(name: str) -> None:
    """A server that counts only one thing has counted."""
    answer = read(payloads_with([ZERO, {name: 5}, ZERO]))
    assert answer.invoke.response_metadata["gateway_usage"] == {name: 5}


def test_a_usage_that_counts_nothing_is_told_where_there_is_no_other() -> None:
    """It may name money; the first one stays."""
    answer = read(payloads_with([{"cost": 0.1}, {"cost": 0.2}]))
    assert answer.invoke.response_metadata["gateway_usage"] == {"cost": 0.1}
    assert answer.invoke.usage_metadata is None


@pytest.mark.parametrize("kind", ["delta", "message"])
def test_usage_inside_a_choice_is_read(kind: str) -> None:
    """A server that counts beside the words."""
    choice = {"index": 0, kind: {"content": "a", "usage": USAGE}, "finish_reason": "stop"}
    assert agreed([{"choices": [choice]}])["usage"]["total_tokens"] == 15


def test_missing_usage_is_none() -> None:
    """A server that counts nothing leaves usage unknown, not 0."""
    assert agreed(text_chunks(["a"]), request())["usage"] is None


@pytest.mark.pain("P44")
@pytest.mark.parametrize("ask", [lambda model: model.invoke("Hi"), streamed])
def test_usage_without_a_model_name_counts_under_the_requested_name(
    gateway_server: Server, ask: Any
) -> None:
    """Usage of a server that names no model is counted under the requested name."""
    once = completion({"content": "a"}, usage=USAGE)
    del once["model"]
    pieces = [
        {key: value for key, value in piece.items() if key != "model"}
        for piece in [*text_chunks(["a"]), chunk(usage=USAGE)]
    ]
    server = gateway_server("openai-compatible")
    server.script(Raw(body=once) if ask is not streamed else Raw(events=pieces))
    handler = UsageMetadataCallbackHandler()
    ask(model_on(server).with_config(callbacks=[handler]))
    assert handler.usage_metadata["qwen3.6-plus"]["total_tokens"] == 15
