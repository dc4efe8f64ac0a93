"""The loopback gateway itself, by plain HTTP: it must refuse and word things as its row says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from loopback import Call, LoopbackGateway, Raw, Refusal, Reply
from loopback.plain import (
    ADD,
    HI,
    IMAGE,
    NAMED,
    RESULT,
    WEATHER,
    body_of,
    call,
    chunks,
    message,
    off,
    payloads,
    post,
    spelled,
)

from langchain_qwen36.gateways import GATEWAYS

if TYPE_CHECKING:
    from collections.abc import Callable

    Server = Callable[..., LoopbackGateway]

SUM = [{"role": "user", "content": "add 3 and 4"}]
ROWS = [name for name, row in GATEWAYS.items() if not row.embedded]
ALL_ROWS = pytest.mark.parametrize("row", ROWS)


@ALL_ROWS
def test_a_plain_question_is_answered_in_one_shot(gateway_server: Server, row: str) -> None:
    """The answer repeats the question; usage adds up."""
    found = post(gateway_server(row), body_of(row, **off(row))).json()
    usage = found["usage"]
    assert found["choices"][0]["message"]["content"] == "You said: Hi"
    assert found["choices"][0]["finish_reason"] == "stop"
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@ALL_ROWS
def test_stream_and_one_shot_say_the_same(gateway_server: Server, row: str) -> None:
    """Text joined from chunks is the one-shot text; finish_reason comes at the end."""
    server = gateway_server(row)
    whole = post(server, body_of(row, **off(row)))
    streamed = chunks(post(server, body_of(row, stream=True, **off(row))))
    deltas = [chunk["choices"][0]["delta"] for chunk in streamed if chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == message(whole)["content"]


REASONING = {
    "openrouter": {"reasoning", "reasoning_details"},
    "vercel": {"reasoning", "reasoning_details"},
    "vllm": {"reasoning"},
    "ollama": {"reasoning"},
    "together": {"reasoning"},
    "wandb": {"reasoning"},
}


@ALL_ROWS
def test_it_thinks_unless_told_not_to(gateway_server: Server, row: str) -> None:
    """Thoughts come under the gateway's own name, and are counted."""
    asked = {"include_usage": True}
    streamed = chunks(post(gateway_server(row), body_of(row, stream=True, stream_options=asked)))
    deltas = [chunk["choices"][0]["delta"] for chunk in streamed if chunk["choices"]]
    names = {
        name for delta in deltas for name in delta if name.startswith("reasoning") and delta[name]
    }
    assert names == REASONING.get(row, {"reasoning_content"})


@ALL_ROWS
def test_thinking_is_off_where_the_row_says_so(gateway_server: Server, row: str) -> None:
    """Only the row's own switch is read; a row without one goes on thinking."""
    found = message(post(gateway_server(row), body_of(row, **off(row))))
    has_switch = GATEWAYS[row].thinking != "unsupported"
    assert any(name.startswith("reasoning") for name in found) is not has_switch


@pytest.mark.parametrize("row", ["vllm", "sglang", "llamacpp"])
def test_a_self_hosted_server_does_not_see_the_top_level_switch(
    gateway_server: Server, row: str
) -> None:
    """`enable_thinking` at the wrong place leaves thinking on."""
    found = message(post(gateway_server(row), body_of(row, enable_thinking=False)))
    assert found.get("reasoning") or found.get("reasoning_content")


RID = "00000001-0000-4000-8000-000000000000"
ENVELOPES = [
    pytest.param(
        "dashscope",
        {
            "error": {"message": "M", "type": "T", "param": None, "code": "C"},
            "id": f"chatcmpl-{RID}",
            "request_id": RID,
        },
        id="dashscope",
    ),
    pytest.param(
        "apiyi",
        {
            "error": {
                "message": f"M (request id: {RID})",
                "localized_message": f"M (request id: {RID})",
                "type": "shell_api_error",
                "param": "",
                "code": "C",
            }
        },
        id="apiyi",
    ),
    pytest.param(
        "openrouter",
        {
            "error": {
                "code": 400,
                "message": "Provider returned error",
                "metadata": {
                    "raw": '{"error": {"message": "M", "type": "T", "param": null, "code": "C"}}',
                    "provider_name": "Alibaba",
                    "is_byok": False,
                },
            },
            "user_id": "user_loopback",
        },
        id="openrouter",
    ),
    pytest.param(
        "vercel",
        {
            "error": {"message": "M", "type": "T", "param": None, "code": "C"},
            "generationId": f"gen_{RID}",
        },
        id="vercel",
    ),
    pytest.param(
        "aimlapi",
        {
            "message": "M",
            "path": "/v1/chat/completions",
            "requestId": RID,
            "statusCode": 400,
            "timestamp": "2026-11-21T00:00:00.000Z",
        },
        id="aimlapi",
    ),
    pytest.param(
        "vllm", {"error": {"message": "M", "type": "T", "param": None, "code": 400}}, id="vllm"
    ),
    pytest.param(
        "sglang",
        {"object": "error", "message": "M", "type": "T", "param": None, "code": 400},
        id="sglang",
    ),
    pytest.param("llamacpp", {"error": {"message": "M", "type": "T", "code": 400}}, id="llamacpp"),
    pytest.param(
        "ollama", {"error": {"message": "M", "type": "T", "param": None, "code": "C"}}, id="ollama"
    ),
]


@pytest.mark.parametrize(("row", "expected"), ENVELOPES)
def test_an_error_comes_in_the_gateways_own_envelope(
    gateway_server: Server, row: str, expected: dict[str, Any]
) -> None:
    """Scripted refusals are worded as the gateway's own are."""
    server = gateway_server(row)
    server.script(Refusal(400, "M", "C", "T", headers=(("retry-after", "1"),)))
    response = post(server, body_of(row))
    assert response.json() == expected
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize("row", ["dashscope", "openrouter", "aimlapi"])
def test_a_wrong_key_is_refused(gateway_server: Server, row: str) -> None:
    """401, before anything else is looked at."""
    response = post(gateway_server(row), body_of(row, "gpt-9"), key="wrong")
    assert response.status_code == 401


def test_a_server_of_ones_own_needs_no_key_unless_it_was_given_one(gateway_server: Server) -> None:
    """Self-hosted rows take any key, as the engines do without --api-key."""
    assert post(gateway_server("vllm"), body_of("vllm"), key="any").status_code == 200
    assert post(gateway_server("vllm", key="k"), body_of("vllm"), key="any").status_code == 401


def test_a_wrong_path_is_not_found(gateway_server: Server) -> None:
    """A base URL without its last part meets 404, as at the real hosts."""
    server = gateway_server("dashscope")
    headers = {"authorization": f"Bearer {server.key}"}
    url = server.base_url.removesuffix("/v1") + "/chat/completions"
    response = httpx.post(url, json=body_of("dashscope"), headers=headers, trust_env=False)
    assert response.status_code == 404
    assert server.base_url.endswith("/compatible-mode/v1")


def streamed_call(server: LoopbackGateway, row: str) -> list[dict[str, Any]]:
    """Return the tool-call pieces of a stream, with the choice each came in."""
    asked = [{"role": "user", "content": "add 3 and 4"}]
    body = body_of(row, messages=asked, tools=[ADD], stream=True, **off(row))
    found = [c for chunk in chunks(post(server, body)) for c in chunk["choices"]]
    return [choice for choice in found if choice["delta"].get("tool_calls")]


def test_alibaba_continues_a_tool_call_with_an_empty_id(gateway_server: Server) -> None:
    """No name on continuations, no finish_reason key on the last."""
    choices = streamed_call(gateway_server("dashscope"), "dashscope")
    pieces = [choice["delta"]["tool_calls"][0] for choice in choices]
    assert pieces[0]["function"] == {"name": "add", "arguments": ""}
    assert {piece["id"] for piece in pieces[1:]} == {""}
    assert all("name" not in piece["function"] for piece in pieces[1:])
    assert "finish_reason" not in choices[-1]


def test_other_servers_continue_a_tool_call_by_its_index(gateway_server: Server) -> None:
    """The recorded vLLM, llama.cpp and Vercel shape."""
    pieces = [c["delta"]["tool_calls"][0] for c in streamed_call(gateway_server("vllm"), "vllm")]
    assert json.loads("".join(p["function"]["arguments"] for p in pieces)) == {"a": 3, "b": 4}
    assert set(pieces[1]) == {"index", "function"}


def test_ollama_sends_a_tool_call_whole(gateway_server: Server) -> None:
    """One delta holds id, name and arguments."""
    (choice,) = streamed_call(gateway_server("ollama"), "ollama")
    function = choice["delta"]["tool_calls"][0]["function"]
    assert function == {"name": "add", "arguments": '{"a": 3, "b": 4}'}


def test_openrouter_sends_comments_and_repeats_the_finish_reason(gateway_server: Server) -> None:
    """The usage chunk has a choice that says finish_reason again."""
    response = post(gateway_server("openrouter"), body_of("openrouter", stream=True))
    *_, finish, usage = chunks(response)
    assert response.text.startswith(": OPENROUTER PROCESSING")
    assert [c["choices"][0]["finish_reason"] for c in (finish, usage)] == ["stop", "stop"]
    assert "usage" not in finish
    assert usage["usage"]["cost"] > 0


def test_openrouter_thoughts_come_twice(gateway_server: Server) -> None:
    """OpenRouter sends `reasoning` and an item of `reasoning_details`, the same text."""
    first = chunks(post(gateway_server("openrouter"), body_of("openrouter", stream=True)))[0]
    delta = first["choices"][0]["delta"]
    item = {"type": "reasoning.text", "text": "The", "format": "unknown", "index": 0}
    assert delta == {
        "role": "assistant",
        "content": "",
        "reasoning": "The",
        "reasoning_details": [item],
    }


def test_vercel_puts_usage_and_money_into_the_last_choice(gateway_server: Server) -> None:
    """There is no chunk of usage alone."""
    last = chunks(post(gateway_server("vercel"), body_of("vercel", stream=True)))[-1]
    money = last["choices"][0]["delta"]["provider_metadata"]["gateway"]["cost"]
    assert last["choices"][0]["finish_reason"] == "stop"
    assert (float(money), last["usage"]["cost"]) == pytest.approx(
        (last["usage"]["cost"],) * 2, abs=1e-8
    )
    assert last["generationId"] == last["id"]


def test_aimlapi_reports_money_in_meta_and_ends_without_done(gateway_server: Server) -> None:
    """AI/ML API sends `meta.usage` in the last chunk, no `[DONE]`."""
    body = body_of("aimlapi", stream=True, stream_options={"include_usage": True})
    response = post(gateway_server("aimlapi"), body)
    assert chunks(response)[-1]["meta"]["usage"]["usd_spent"] > 0
    assert "[DONE]" not in response.text


def test_aimlapi_reports_money_in_headers_of_one_shot_answers(gateway_server: Server) -> None:
    """Credits and dollars, and its own name of the id."""
    response = post(gateway_server("aimlapi"), body_of("aimlapi"))
    spent = response.json()["meta"]["usage"]["usd_spent"]
    assert float(response.headers["x-aimlapi-usd-spent"]) == spent
    assert response.json()["model"] == "qwen3.6-27b"
    assert "x-inference-id" in response.headers


@pytest.mark.parametrize("row", ["dashscope", "aimlapi", "vllm", "llamacpp", "openai-compatible"])
def test_a_stream_has_usage_only_when_asked(gateway_server: Server, row: str) -> None:
    """Without include_usage no chunk has usage; with it the last one has no choices."""
    server = gateway_server(row)
    without = chunks(post(server, body_of(row, stream=True)))
    asked = body_of(row, stream=True, stream_options={"include_usage": True})
    last = chunks(post(server, asked))[-1]
    assert not any(chunk.get("usage") for chunk in without)
    assert last["choices"] == []
    assert last["usage"]["prompt_tokens"] > 0


def test_dashscope_deltas_have_the_documented_keys(gateway_server: Server) -> None:
    """The role on the first chunk only, null beside text and thoughts."""
    server = gateway_server("dashscope")
    server.script(Reply("Hey", "Hmm"))
    found = chunks(post(server, body_of("dashscope", stream=True)))
    assert [chunk["choices"][0]["delta"] for chunk in found] == [
        {"role": "assistant", "content": None, "reasoning_content": "Hmm"},
        {"reasoning_content": None, "content": "Hey"},
        {"content": "", "reasoning_content": None},
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param("dashscope", "", id="empty"),
        pytest.param("vllm", None, id="null"),
        pytest.param("openrouter", None, id="null-through-openrouter"),
    ],
)
def test_content_of_an_answer_that_only_calls(
    gateway_server: Server, row: str, expected: str | None
) -> None:
    """Both forms were recorded."""
    asked = [{"role": "user", "content": "add 3 and 4"}]
    found = message(
        post(gateway_server(row), body_of(row, messages=asked, tools=[ADD], **off(row)))
    )
    assert found["content"] == expected
    assert found["tool_calls"][0]["function"]["arguments"] == '{"a": 3, "b": 4}'


RECORDED = Path(__file__).parents[3] / "shared" / "wire"
THOUGHTS = {
    "choices[].delta.reasoning_content",
    "choices[].message.reasoning_content",
    "usage.completion_tokens_details",
    "usage.completion_tokens_details.reasoning_tokens",
    "usage.completion_tokens_details.text_tokens",
    "usage.prompt_tokens_details.text_tokens",
}
"""Documented, on no recording of Alibaba's own server."""
CALLS = {
    f"choices[].message.tool_calls{rest}"
    for rest in ("", "[].id", "[].type", *(f"[].function{r}" for r in ("", ".name", ".arguments")))
}
SHAPES = [
    pytest.param(
        "dashscope",
        True,
        ["dashscope/qwen-turbo-tool-stream-14-deltas.sse", "dashscope/qwen3-max-text-stream.sse"],
        THOUGHTS,
        id="dashscope-stream",
    ),
    pytest.param(
        "dashscope",
        False,
        ["dashscope/qwen3-max-tool-call.json", "dashscope/qwen3-max-text.json"],
        THOUGHTS,
        id="dashscope",
    ),
    pytest.param(
        "openrouter",
        True,
        [
            "openrouter/qwen3-max--object-streaming.sse",
            "openrouter/qwen3-30b-a3b-thinking-2507--streaming.sse",
            "openrouter/reasoning-delta-17-comments-stream.sse",
        ],
        set(),
        id="openrouter-stream",
    ),
    pytest.param(
        "openrouter",
        False,
        ["openrouter/qwen3-235b-reasoning.json", "openrouter/qwen3-235b-parallel-tools.json"],
        set(),
        id="openrouter",
    ),
    pytest.param(
        "vercel",
        True,
        ["vercel-gateway/gpt5-thinking-stream.sse"],
        {
            "choices[].delta.content",
            "choices[].delta.reasoning_details[].text",
            "choices[].delta.provider_metadata.gateway.inferenceCost",
        },
        id="vercel-stream",
    ),
    pytest.param("aimlapi", False, ["aimlapi/qwen3.6-27b_nonstream.json"], CALLS, id="aimlapi"),
    pytest.param("vllm", False, ["vllm/glm52-reasoning-tool.json"], set(), id="vllm"),
    pytest.param(
        "llamacpp",
        True,
        [
            "llamacpp/streaming-tools--example-streaming-with-tools.sse",
            "llamacpp/response-shape-matrix--reasoning-streaming.sse",
        ],
        set(),
        id="llamacpp-stream",
    ),
    pytest.param(
        "ollama", True, ["ollama/qwen3-zero-arg-tool-stream.sse"], set(), id="ollama-stream"
    ),
]


def key_paths(value: Any, at: str = "") -> set[str]:
    """Every key of a JSON value by the way to it; items of a list share theirs."""
    if isinstance(value, dict):
        here = {name: f"{at}.{name}" if at else name for name in value}
        return set(here.values()).union(*(key_paths(value[n], here[n]) for n in value))
    if isinstance(value, list):
        return set().union(*(key_paths(item, f"{at}[]") for item in value))
    return set()


def read(text: str) -> list[dict[str, Any]]:
    """Return the JSON of an answer: one body, or the payloads of a stream."""
    return [json.loads(text)] if text.lstrip().startswith("{") else payloads(text)


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recordings are not on this machine")
@pytest.mark.parametrize(("row", "stream", "recordings", "documented"), SHAPES)
def test_no_key_is_made_up(
    gateway_server: Server, row: str, stream: bool, recordings: list[str], documented: set[str]
) -> None:
    """Every key stands on a recording of that gateway, or in the named part of its pages."""
    server = gateway_server(row)
    asking: dict[str, Any] = {
        "model": spelled(row, "qwen3.6-plus" if row == "dashscope" else "qwen3.6-27b")
    }
    asking |= {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    questions = [{}, {"messages": SUM, "tools": [ADD]}]
    found = [post(server, body_of(row) | question | asking) for question in questions]
    ours = [key_paths(one) for answer in found for one in read(answer.text)]
    truth = [key_paths(one) for name in recordings for one in read((RECORDED / name).read_text())]
    assert set().union(*ours) - set().union(*truth) <= documented


TWO = [{"role": "user", "content": "Use add for 3 and 4, then get_weather in Paris."}]


@pytest.mark.parametrize(
    ("row", "more", "expected"),
    [
        pytest.param("dashscope", {}, ["add"], id="one-by-default"),
        pytest.param(
            "dashscope", {"parallel_tool_calls": True}, ["add", "get_weather"], id="asked"
        ),
        pytest.param("vllm", {}, ["add", "get_weather"], id="several-by-default"),
        pytest.param("vllm", {"tool_choice": "none"}, [], id="none"),
        pytest.param("vllm", {"tool_choice": NAMED}, ["add"], id="named"),
        pytest.param("ollama", {"tool_choice": "none"}, ["add", "get_weather"], id="not-read"),
    ],
)
def test_which_tools_are_called(
    gateway_server: Server, row: str, more: dict[str, Any], expected: list[str]
) -> None:
    """Named tools are called, as far as the gateway lets several be."""
    body = body_of(row, messages=TWO, tools=[ADD, WEATHER], **(off(row) | more))
    found = message(post(gateway_server(row), body)).get("tool_calls") or []
    assert [call["function"]["name"] for call in found] == expected


def test_results_are_quoted_and_no_tool_is_called_again(gateway_server: Server) -> None:
    """After a tool result comes the answer."""
    messages = [{"role": "user", "content": "What is add of 1 and 2?"}, call(), RESULT]
    body = body_of("dashscope", messages=messages, tools=[ADD], **off("dashscope"))
    assert message(post(gateway_server("dashscope"), body))["content"] == "The tools say: 3"


def test_a_picture_behind_a_tool_result_is_no_new_question(gateway_server: Server) -> None:
    """Where clients put the picture of a tool result."""
    messages = [*TWO, call(), RESULT, {"role": "user", "content": [IMAGE]}]
    body = body_of("vllm", messages=messages, tools=[ADD], **off("vllm"))
    assert message(post(gateway_server("vllm"), body))["content"] == "The tools say: 3"


@pytest.mark.parametrize(
    ("more", "text", "finish"),
    [
        pytest.param({"stop": ["said"]}, "You ", "stop", id="stop"),
        pytest.param({"stop": "aid"}, "You s", "stop", id="stop-text"),
        pytest.param({"max_tokens": 2}, "You said", "length", id="max-tokens"),
        pytest.param({"max_tokens": 4}, "You said: Hi", "stop", id="enough"),
    ],
)
def test_limits_cut_the_answer(
    gateway_server: Server, more: dict[str, Any], text: str, finish: str
) -> None:
    """Stop sequences and token limits end the text where they say."""
    body = body_of("dashscope", **off("dashscope"), **more)
    choice = post(gateway_server("dashscope"), body).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (text, finish)


@pytest.mark.parametrize(
    ("row", "limit", "text"),
    [
        pytest.param("dashscope", {"max_tokens": 2}, "You said", id="thoughts-are-free"),
        pytest.param("dashscope", {"max_completion_tokens": 2}, "", id="thoughts-count"),
        pytest.param("vllm", {"max_tokens": 2}, "", id="self-hosted"),
    ],
)
def test_whether_thoughts_count_as_output(
    gateway_server: Server, row: str, limit: dict[str, int], text: str
) -> None:
    """`max_tokens` does not cap the thoughts there."""
    body = body_of(row, "qwen3.6-plus" if row == "dashscope" else "qwen3.6-27b", **limit)
    choice = post(gateway_server(row), body).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (text, "length")


def test_a_call_that_is_cut_has_broken_arguments(gateway_server: Server) -> None:
    """What a client must never run."""
    asked = [{"role": "user", "content": "add 3 and 4"}]
    body = body_of("dashscope", messages=asked, tools=[ADD], max_tokens=4, **off("dashscope"))
    choice = post(gateway_server("dashscope"), body).json()["choices"][0]
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == '{"a'
    assert choice["finish_reason"] == "length"


def test_a_budget_cuts_the_thoughts(gateway_server: Server) -> None:
    """The reasoning is cut and the answer starts."""
    found = post(gateway_server(), body_of("dashscope", "qwen3.6-plus", thinking_budget=2)).json()
    assert found["choices"][0]["message"]["reasoning_content"] == "The user"
    assert found["usage"]["completion_tokens_details"] == {"reasoning_tokens": 2, "text_tokens": 6}


def test_json_comes_out_as_the_schema_says(gateway_server: Server) -> None:
    """Strings, numbers within bounds, enums, references, optional fields left out."""
    schema = {
        "type": "object",
        "properties": {
            "city": {"$ref": "#/$defs/City"},
            "pop": {"type": "integer", "minimum": 10},
            "kind": {"enum": ["town", "metropolis"]},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
            "maybe": {"anyOf": [{"type": "null"}, {"type": "boolean"}]},
            "unasked": {"type": "string"},
        },
        "required": ["city", "pop", "kind", "tags", "maybe"],
        "$defs": {
            "City": {
                "type": "object",
                "properties": {"name": {"type": "string"}},
                "required": ["name"],
            }
        },
    }
    asked = [{"role": "user", "content": "What of the metropolis 'Paris' is 3?"}]
    wanted = {"type": "json_schema", "json_schema": {"name": "City", "schema": schema}}
    found = message(
        post(gateway_server("vllm"), body_of("vllm", messages=asked, response_format=wanted))
    )
    assert json.loads(found["content"]) == {
        "city": {"name": "Paris"},
        "pop": 10,
        "kind": "metropolis",
        "tags": ["Paris", "Paris"],
        "maybe": True,
    }


def test_json_mode_follows_the_keys_or_the_schema_in_the_prompt(gateway_server: Server) -> None:
    """What clients put into the prompt steers it, as it steers a real model."""
    server = gateway_server("dashscope")
    wanted = {"response_format": {"type": "json_object"}} | off("dashscope")
    keys = [{"role": "user", "content": "JSON with 'a' and 'b' keys"}]
    schema = [
        {"role": "system", "content": f"JSON: {json.dumps(ADD['function']['parameters'])}"},
        *HI,
    ]
    by_keys = post(server, body_of("dashscope", messages=keys, **wanted))
    by_schema = post(server, body_of("dashscope", messages=schema, **wanted))
    assert json.loads(message(by_keys)["content"]) == {"a": "some a", "b": "some b"}
    assert json.loads(message(by_schema)["content"]) == {"a": 1, "b": 1}


def test_pictures_and_the_system_prompt_are_acknowledged(gateway_server: Server) -> None:
    """The answer shows that both arrived, and usage counts the picture."""
    parts = [{"type": "text", "text": "Look"}, IMAGE]
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": parts}]
    found = post(
        gateway_server(), body_of("dashscope", messages=messages, **off("dashscope"))
    ).json()
    text = found["choices"][0]["message"]["content"]
    assert text == "You said: Look I see 1 image. I was told: Be brief."
    assert found["usage"]["prompt_tokens_details"]["image_tokens"] == 258


def test_several_choices_come_interleaved(gateway_server: Server) -> None:
    """n=2, as recorded at Alibaba: each choice its own index, role and finish."""
    body = body_of("dashscope", n=2, stream=True, **off("dashscope"))
    found = [chunk["choices"][0] for chunk in chunks(post(gateway_server(), body))]
    assert [choice["index"] for choice in found][:4] == [0, 1, 0, 1]
    assert sum(choice["finish_reason"] == "stop" for choice in found) == 2


def test_logprobs_come_where_the_gateway_has_them(gateway_server: Server) -> None:
    """One entry a token; Alibaba's own servers have none for these models."""
    asked = {"logprobs": True, "top_logprobs": 1}
    have = post(gateway_server("vllm"), body_of("vllm", **asked)).json()["choices"][0]["logprobs"]
    lack = post(gateway_server(), body_of("dashscope", **asked, **off("dashscope"))).json()
    assert "".join(entry["token"] for entry in have["content"]) == "You said: Hi"
    assert len(have["content"][0]["top_logprobs"]) == 1
    assert lack["choices"][0]["logprobs"] is None


def cached(response: httpx.Response) -> dict[str, Any]:
    """Return what usage says of the cache, but for the split by kind of input."""
    details = response.json()["usage"]["prompt_tokens_details"]
    return {name: value for name, value in details.items() if "text" not in name}


def test_a_repeated_prompt_is_read_from_the_implicit_cache(gateway_server: Server) -> None:
    """From 256 tokens on, and only the second time."""
    server = gateway_server(
        "dashscope",
    )
    long = [{"role": "user", "content": "word " * 300}]
    bodies = [body_of("dashscope", messages=m, **off("dashscope")) for m in (HI, HI, long, long)]
    hits = [cached(post(server, body))["cached_tokens"] for body in bodies]
    assert hits[:3] == [0, 0, 0]
    assert hits[3] >= 256


def test_a_marked_prompt_is_written_once_and_read_then(gateway_server: Server) -> None:
    """One number under two names, cache_type ephemeral."""
    server = gateway_server("dashscope")
    part = {"type": "text", "text": "word " * 1100, "cache_control": {"type": "ephemeral"}}
    body = body_of("dashscope", messages=[{"role": "user", "content": [part]}], **off("dashscope"))
    first, second = cached(post(server, body)), cached(post(server, body))
    size = first["cache_creation_input_tokens"]
    assert size >= 1024
    assert first["cache_creation"] == {"ephemeral_5m_input_tokens": size}
    assert (first["cached_tokens"], second["cached_tokens"]) == (0, size - 1)
    assert second["cache_type"] == "ephemeral"


def test_requests_are_captured(gateway_server: Server) -> None:
    """Path, headers, body and the status it got, refused ones too."""
    server = gateway_server()
    post(server, body_of("dashscope"))
    (request,) = server.requests
    assert request.path == "/compatible-mode/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {server.key}"
    assert request.body == body_of("dashscope")
    assert request.status == 400


def test_one_connection_serves_many_requests(gateway_server: Server) -> None:
    """Keep-alive, streams included."""
    server = gateway_server("vllm")
    with httpx.Client(trust_env=False) as client:
        url = f"{server.base_url}/chat/completions"
        answers = [client.post(url, json=body_of("vllm", stream=True)) for _ in range(3)]
        networks = [answer.extensions["network_stream"] for answer in answers]
        ports = {network.get_extra_info("client_addr") for network in networks}
    assert len(ports) == 1


def test_a_scripted_reply_is_worded_by_the_gateway(gateway_server: Server) -> None:
    """A test says what the model says; the rest stays true."""
    server = gateway_server("openrouter")
    server.script(Reply("", "Hm", (Call("f", '{"x": 1}', "c9"),)))
    choice = post(server, body_of("openrouter")).json()["choices"][0]
    assert choice["message"]["tool_calls"][0]["id"] == "c9"
    assert choice["native_finish_reason"] == "stop"
    assert choice["finish_reason"] == "tool_calls"


def test_scripted_bytes_go_out_as_they_are(gateway_server: Server) -> None:
    """Status, headers and body; then the script is used up."""
    server = gateway_server("vllm")
    server.script(Raw(status=502, headers={"content-type": "text/html"}, body="<html>"))
    odd = post(server, body_of("vllm"))
    assert (odd.status_code, odd.text, odd.headers["content-type"]) == (502, "<html>", "text/html")
    assert post(server, body_of("vllm")).status_code == 200


@pytest.mark.parametrize(
    ("end", "tail"),
    [
        pytest.param("done", "data: {}\n\ndata: [DONE]\n\n", id="done"),
        pytest.param("eof", "data: {}\n\n", id="eof"),
    ],
)
def test_scripted_streams_end_as_asked(gateway_server: Server, end: Any, tail: str) -> None:
    """Comments stay comments."""
    server = gateway_server("vllm")
    server.script(Raw(events=[": ping", {}], end=end))
    assert post(server, body_of("vllm", stream=True)).text == f": ping\n\n{tail}"


def test_a_cut_stream_breaks_the_connection(gateway_server: Server) -> None:
    """The client sees an incomplete body."""
    server = gateway_server("vllm")
    server.script(Raw(events=[{}], end="cut"))
    with pytest.raises(httpx.RemoteProtocolError):
        post(server, body_of("vllm", stream=True))


def test_chunks_can_be_slowed_down(gateway_server: Server) -> None:
    """Events arrive one by one, with the delay between them."""
    server = gateway_server("vllm", chunk_delay=0.02)
    server.script(Raw(events=[{}, {}, {}], end="eof"))
    response = post(server, body_of("vllm", stream=True))
    assert response.elapsed.total_seconds() >= 0.05


def test_sockets_reach_this_machine_only() -> None:
    """The guard of every test: an address outside is refused before it is tried."""
    with pytest.warns(UserWarning, match="socket.connect"), pytest.raises(RuntimeError):
        httpx.get("http://192.0.2.1", trust_env=False)
