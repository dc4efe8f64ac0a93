"""`QwenEmbeddings`: what it sends, in which order its vectors come, what they cost."""

from __future__ import annotations

import asyncio
import base64
import copy
import pickle
import struct
import threading
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from foreign_values import LARGE
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.vectorstores import InMemoryVectorStore
from loopback import LoopbackGateway, Raw
from loopback.retrieval import vector_of
from modes import called

from langchain_qwen36 import PriceBook, no_waiting
from langchain_qwen36.embeddings import QwenEmbeddings, RequestUsage
from langchain_qwen36.errors import (
    AuthenticationError,
    InvalidRequestError,
    MessageError,
    PaymentRequiredError,
    UnexpectedResponseError,
    UnsupportedSettingError,
)
from langchain_qwen36.gateways import GATEWAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modes import Mode


@pytest.fixture
def server() -> Iterator[LoopbackGateway]:
    """Serve Model Studio."""
    with LoopbackGateway("dashscope") as server:
        yield server


def at(server: LoopbackGateway, **settings: Any) -> QwenEmbeddings:
    """Return embeddings of a server."""
    where = {"gateway": server.row.name, "base_url": server.base_url, "api_key": server.key}
    return QwenEmbeddings(**where | settings)


def vectors_of(*entries: dict[str, Any], **more: Any) -> Raw:
    """Return a response with these entries."""
    return Raw(body={"object": "list", "data": list(entries), **more})


# Requests


def test_a_query_sends_one_text(server: LoopbackGateway, mode: Mode) -> None:
    """The body is OpenAI's, with the format that every gateway knows."""
    assert called(mode, at(server), "embed_query", "panda") == vector_of("panda")
    assert server.bodies == [
        {"model": "text-embedding-v4", "input": ["panda"], "encoding_format": "float"}
    ]
    assert server.requests[0].path == "/compatible-mode/v1/embeddings"


def test_half_a_surrogate_pair_is_replaced(server: LoopbackGateway, mode: Mode) -> None:
    """No UTF-8 can hold it; a text that was cut amid an emoji has a vector all the same."""
    called(mode, at(server), "embed_query", "panda \ud83d")
    assert server.requests[0].body["input"] == ["panda \ufffd"]


def test_settings_of_the_body(server: LoopbackGateway, mode: Mode) -> None:
    """Dimensions go out by their name, and `extra_body` over everything."""
    embeddings = at(server, dimensions=256, extra_body={"user": "u", "encoding_format": "base64"})
    assert len(called(mode, embeddings, "embed_query", "panda")) == 256
    assert server.bodies[0] == {
        "model": "text-embedding-v4",
        "input": ["panda"],
        "encoding_format": "base64",
        "dimensions": 256,
        "user": "u",
    }


def test_a_query_can_say_what_it_is_for(server: LoopbackGateway, mode: Mode) -> None:
    """The instruction of Qwen3-Embedding stands before a query, and before no document."""
    embeddings = at(server, query_instruction="Find passages that answer the question")
    called(mode, embeddings, "embed_query", "Who?")
    called(mode, embeddings, "embed_documents", ["Me."])
    assert [body["input"] for body in server.bodies] == [
        ["Instruct: Find passages that answer the question\nQuery: Who?"],
        ["Me."],
    ]


def test_a_gateways_own_spelling_is_sent() -> None:
    """The bare id becomes the gateway's, and the gateway may stand in front of it."""
    with LoopbackGateway("openrouter") as server:
        embeddings = QwenEmbeddings(
            model="openrouter:qwen3-embedding-8b", base_url=server.base_url, api_key=server.key
        )
        embeddings.embed_query("x")
    assert embeddings.gateway == "openrouter"
    assert server.bodies[0]["model"] == "qwen/qwen3-embedding-8b"


@pytest.mark.parametrize(
    ("model", "settings", "sizes"),
    [
        pytest.param("text-embedding-v4", {}, [10, 10, 5], id="ten of v4"),
        pytest.param("text-embedding-v2", {}, [25], id="twenty-five of v2"),
        pytest.param("text-embedding-v4", {"chunk_size": 8}, [8, 8, 8, 1], id="as set"),
        pytest.param("my-own-embedding", {}, [25], id="an unknown model"),
    ],
)
def test_a_long_list_is_split(
    server: LoopbackGateway, mode: Mode, model: str, settings: dict[str, Any], sizes: list[int]
) -> None:
    """No request has more texts than the model takes, and the vectors keep the texts' order."""
    texts = [f"text {number}" for number in range(25)]
    found = called(mode, at(server, model=model, **settings), "embed_documents", texts)
    assert found == [vector_of(text) for text in texts]
    assert sorted((len(body["input"]) for body in server.bodies), reverse=True) == sizes


def test_no_texts_cost_no_request(server: LoopbackGateway, mode: Mode) -> None:
    """An empty list has no vectors, as vector stores expect that add no documents."""
    assert called(mode, at(server), "embed_documents", []) == []
    assert server.requests == []


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        pytest.param(["a", ""], r"texts\[1\] is empty", id="an empty text"),
        pytest.param([" \n"], r"texts\[0\] is empty", id="white space"),
        pytest.param(["a", None], r"texts\[1\] is NoneType", id="None"),
        pytest.param("panda", "embed_query", id="one text"),
    ],
)
def test_what_has_no_vector_is_refused_before_sending(
    server: LoopbackGateway, mode: Mode, texts: Any, message: str
) -> None:
    """The error names the place in the list, which servers do not."""
    with pytest.raises(MessageError, match=message):
        called(mode, at(server), "embed_documents", texts)
    assert server.requests == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"dimensions": 100}, "64, 128, 256, 512, 768", id="a size it has not"),
        pytest.param(
            {"model": "text-embedding-v3", "dimensions": 2048}, "1024", id="a size of v4 only"
        ),
        pytest.param(
            {"model": "Qwen/Qwen3-Embedding-0.6B", "dimensions": 2048}, "1 to 1024", id="too many"
        ),
        pytest.param({"chunk_size": 11}, "takes 10", id="too many texts"),
        pytest.param({"model": "qwen3-rerank"}, "QwenRerank", id="a rerank model"),
    ],
)
def test_what_the_model_refuses_is_refused_at_construction(
    server: LoopbackGateway, settings: dict[str, Any], message: str
) -> None:
    """The error says what the model has."""
    with pytest.raises(UnsupportedSettingError, match=message):
        at(server, **settings)


def test_the_gateways_own_refusal(server: LoopbackGateway, mode: Mode) -> None:
    """Model Studio's limit on texts is answered in its own words."""
    embeddings = at(server, model="text-embedding-v4", extra_body={"input": ["x"] * 11})
    with pytest.raises(InvalidRequestError, match="should not be larger than 10"):
        called(mode, embeddings, "embed_documents", ["x"])


# Responses


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param(
            [{"embedding": [2.0], "index": 1}, {"embedding": [1], "index": 0}], id="order"
        ),
        pytest.param([{"embedding": [1.0]}, {"embedding": [2.0]}], id="no index"),
        pytest.param(
            [
                {"embedding": base64.b64encode(struct.pack("<f", 1.0)).decode(), "index": 0},
                {"embedding": base64.b64encode(struct.pack("<f", 2.0)).decode(), "index": 1},
            ],
            id="base64",
        ),
        pytest.param([{"embedding": [[1.0]], "index": 0}, {"embedding": [[2.0]]}], id="wrapped"),
    ],
)
def test_vectors_of_every_form(
    server: LoopbackGateway, mode: Mode, entries: list[dict[str, Any]]
) -> None:
    """The index decides the order; numbers, base64 and llama.cpp's nesting are read."""
    server.script(vectors_of(*entries))
    found = called(mode, at(server), "embed_documents", ["one", "two"])
    assert found == [[1.0], [2.0]]
    assert all(type(number) is float for vector in found for number in vector)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"data": [{"embedding": [1.0], "index": 0}]}, id="one is missing"),
        pytest.param({"data": [{"embedding": [1.0], "index": 0}] * 2}, id="one is there twice"),
        pytest.param(
            {"data": [{"embedding": [1.0], "index": 0}, {"embedding": [1.0], "index": 2}]},
            id="an index that was not sent",
        ),
        pytest.param({"data": [{"embedding": [1.0]}, {"embedding": []}]}, id="an empty vector"),
        pytest.param({"data": [{"embedding": [1.0]}, {"embedding": [None]}]}, id="no number"),
        pytest.param({"data": [{"embedding": [1.0]}, {"embedding": [1, 2]}]}, id="two sizes"),
        pytest.param({"data": [{"embedding": [1.0]}, {"embedding": "???"}]}, id="no base64"),
        pytest.param({"object": "list"}, id="nothing"),
        pytest.param('[{"embedding": [NaN]}]', id="another server"),
        pytest.param(
            f'{{"data": [{{"embedding": [1]}}, {{"embedding": [{LARGE}]}}]}}', id="too large"
        ),
    ],
)
def test_vectors_that_do_not_fit_are_an_error(
    server: LoopbackGateway, mode: Mode, body: Any
) -> None:
    """No text gets another text's vector, and none gets a made-up one."""
    server.script(*[Raw(body=body)] * 3)
    with no_waiting(), pytest.raises(UnexpectedResponseError, match="embeddings"):
        called(mode, at(server), "embed_documents", ["one", "two"])


def test_a_server_that_cannot_cut_vectors_is_told_of(server: LoopbackGateway, mode: Mode) -> None:
    """A vector of another size than was asked for is an error that names the setting."""
    server.script(vectors_of({"embedding": [1.0, 2.0], "index": 0}))
    with pytest.raises(UnexpectedResponseError, match=r"2 dimensions.*leave `dimensions` out"):
        called(mode, at(server, dimensions=64), "embed_query", "x")


def test_a_failed_request_is_sent_again(server: LoopbackGateway, mode: Mode) -> None:
    """Retries are those of the chat model."""
    server.script(Raw(status=503, body={"error": {"message": "overloaded"}}))
    with no_waiting():
        assert called(mode, at(server), "embed_query", "x") == vector_of("x")
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(401, "invalid_api_key", AuthenticationError), (400, "Arrearage", PaymentRequiredError)],
)
def test_errors_are_those_of_the_chat_model(
    server: LoopbackGateway, mode: Mode, status: int, code: str, error: type[Exception]
) -> None:
    """What a code means is the same here."""
    server.script(Raw(status=status, body={"error": {"message": "no", "code": code}}))
    with pytest.raises(error):
        called(mode, at(server), "embed_query", "x")


# Usage and cost


def test_usage_and_cost_of_a_call(server: LoopbackGateway, mode: Mode) -> None:
    """Each request has its tokens and its price, and the result their sum."""
    result = called(mode, at(server), "embed", ["abcd"] * 25)
    assert len(result.vectors) == 25
    assert [one.inputs for one in result.requests] == [10, 10, 5]
    assert [one.input_tokens for one in result.requests] == [40, 40, 20]
    first = result.requests[0]
    assert (first.gateway, first.model) == ("dashscope", "text-embedding-v4")
    assert first.cost is not None
    assert (first.cost["currency"], first.cost["total"]) == ("CNY", 0.00002)
    assert first.cost["price_source"].startswith("Model Studio")
    assert result.usage.cost == {"CNY": Decimal("0.00005")}
    assert (result.usage.requests, result.usage.input_tokens) == (3, 100)


def test_usage_of_an_object(server: LoopbackGateway, mode: Mode) -> None:
    """`usage` adds up all calls, and `on_usage` hears of each request."""
    heard_requests: list[RequestUsage] = []
    embeddings = at(server, on_usage=heard_requests.append)
    called(mode, embeddings, "embed_documents", ["abcd"] * 11)
    called(mode, embeddings, "embed_query", "abcd")
    assert embeddings.usage.requests == len(heard_requests) == 3
    assert embeddings.usage.input_tokens == 48
    assert embeddings.usage.cost == {"CNY": Decimal("0.000024")}
    assert embeddings.usage.unpriced == 0


def test_what_was_used_before_a_failure_is_counted(server: LoopbackGateway, mode: Mode) -> None:
    """A call that fails half-way has paid for its first requests."""
    server.script(
        vectors_of({"embedding": [1.0], "index": 0}, usage={"prompt_tokens": 7}),
        Raw(status=400, body={"error": {"message": "no"}}),
    )
    embeddings = at(server, chunk_size=1, max_concurrency=1)
    with pytest.raises(InvalidRequestError):
        called(mode, embeddings, "embed_documents", ["a", "b", "c"])
    assert (embeddings.usage.requests, embeddings.usage.input_tokens) == (1, 7)
    assert len(server.requests) == 2


def test_vectors_that_do_not_fit_were_paid_for(server: LoopbackGateway, mode: Mode) -> None:
    """A response that cannot be used counts all the same: the gateway bills it."""
    server.script(vectors_of({"embedding": [1.0]}, usage={"prompt_tokens": 7}))
    embeddings = at(server, dimensions=64)
    with pytest.raises(UnexpectedResponseError):
        called(mode, embeddings, "embed_query", "x")
    assert (embeddings.usage.requests, embeddings.usage.input_tokens) == (1, 7)


def test_a_callback_that_fails_loses_no_vector(
    server: LoopbackGateway, mode: Mode, caplog: pytest.LogCaptureFixture
) -> None:
    """What was paid for is given back, and the callback's failure is logged."""

    def fail(_usage: RequestUsage) -> None:
        raise RuntimeError("the ledger is down")

    assert called(mode, at(server, on_usage=fail), "embed_query", "x") == vector_of("x")
    assert "the ledger is down" in caplog.text


def test_a_discount_lowers_the_price(server: LoopbackGateway) -> None:
    """What the account pays of the list is what counts."""
    embeddings = at(server, price_discount=0.5)
    embeddings.embed_query("abcd")
    assert embeddings.usage.cost == {"CNY": Decimal("0.000001")}


def test_a_reported_cost_counts(server: LoopbackGateway) -> None:
    """A gateway that says what it charged is believed."""
    usage = {"prompt_tokens": 4, "total_tokens": 4, "cost": 0.0000005}
    with LoopbackGateway("openrouter") as other:
        other.script(vectors_of({"embedding": [1.0]}, usage=usage))
        embeddings = at(other, model="qwen3-embedding-8b")
        embeddings.embed_query("abcd")
    assert embeddings.usage.cost == {"USD": Decimal("5E-7")}


@pytest.mark.parametrize(
    ("gateway", "model", "unpriced"),
    [
        pytest.param("siliconflow", "Qwen/Qwen3-Embedding-8B", 1, id="no price is known"),
        pytest.param("vllm", "Qwen/Qwen3-Embedding-8B", 0, id="a server of your own"),
    ],
)
def test_an_unknown_price_is_none(gateway: str, model: str, unpriced: int) -> None:
    """A price that nobody states is never 0, and a server of your own costs nothing."""
    with LoopbackGateway(gateway) as server:
        embeddings = at(server, model=model)
        (request,) = embeddings.embed(["abcd"]).requests
    assert request.cost is None
    assert (embeddings.usage.cost, embeddings.usage.unpriced) == ({}, unpriced)


def test_a_price_of_your_own(server: LoopbackGateway, tmp_path: Path) -> None:
    """A row of your price book goes over the bundled one."""
    path = tmp_path / "prices.toml"
    path.write_text(
        """
[[offer]]
gateway = "dashscope"
model = "text-embedding-v4"
[[offer.price]]
currency = "EUR"
tiers = [{ input = "1", output = "0" }]
source = "my contract"
checked = 2026-12-01
""",
        "utf-8",
    )
    embeddings = at(server, price_book=PriceBook.from_toml(path))
    embeddings.embed_query("abcd")
    assert embeddings.usage.cost == {"EUR": Decimal("0.000004")}


@pytest.mark.parametrize("gateway", sorted({offer[0] for offer in PriceBook.retrieval().offers}))
def test_every_list_price_is_of_a_known_gateway(gateway: str) -> None:
    """No price stands in the file that no call would find."""
    assert gateway in GATEWAYS


def test_the_page_states_the_prices() -> None:
    """The table of docs/embeddings.md is that of the file."""
    lines = (Path(__file__).parents[2] / "docs/embeddings.md").read_text("utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("| per 1M tokens"))
    head, _, *rows = (
        [cell.strip(" `") for cell in line.split("|")[1:-1]] for line in lines[start:]
    )
    stated = {
        (gateway, row[0]): price
        for row in rows
        for gateway, price in zip(head[1:], row[1:], strict=True)
        if price
    }
    assert stated == {
        key: f"{offer.prices[-1].tiers[0].input} {offer.prices[-1].currency}"
        for key, offer in PriceBook.retrieval().offers.items()
    }


# Many requests


def test_requests_run_at_once_but_not_too_many(server: LoopbackGateway, mode: Mode) -> None:
    """`max_concurrency` is what may be open at a time, and it is made use of."""
    gate = threading.Barrier(3, timeout=30)
    open_now, most = 0, 0
    lock = threading.Lock()
    answer = server._respond

    def counted(path: str, headers: Any, body: Any) -> Any:
        nonlocal open_now, most
        with lock:
            open_now += 1
            most = max(most, open_now)
        gate.wait()  # three are here at once, or this breaks
        with lock:
            open_now -= 1
        return answer(path, headers, body)

    server._server.respond = counted
    texts = [str(number) for number in range(9)]
    embeddings = at(server, chunk_size=1, max_concurrency=3)
    assert called(mode, embeddings, "embed_documents", texts) == [vector_of(t) for t in texts]
    assert most == 3


def test_a_rate_limiter_is_asked_before_each_request(server: LoopbackGateway, mode: Mode) -> None:
    """The limiter sees as many acquisitions as there are requests."""
    asked_for: list[str] = []

    class Counted(InMemoryRateLimiter):
        def acquire(self, *, blocking: bool = True) -> bool:
            asked_for.append("sync")
            return True

        async def aacquire(self, *, blocking: bool = True) -> bool:
            asked_for.append("async")
            return True

    embeddings = at(server, rate_limiter=Counted(), chunk_size=1)
    called(mode, embeddings, "embed_documents", ["a", "b", "c"])
    assert asked_for == [mode] * 3


async def test_a_cancelled_call_leaves_no_request_behind(server: LoopbackGateway) -> None:
    """A call that is cancelled ends at once, with all of its requests."""
    begun = asyncio.Event()
    release = threading.Event()
    loop = asyncio.get_running_loop()
    answer = server._respond

    def held(path: str, headers: Any, body: Any) -> Any:
        loop.call_soon_threadsafe(begun.set)
        release.wait(30)
        return answer(path, headers, body)

    server._server.respond = held
    embeddings = at(server, chunk_size=1, max_concurrency=2)
    task = asyncio.create_task(embeddings.aembed_documents(["a", "b", "c", "d"]))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asyncio.all_tasks()) == 1
    release.set()


# In LangChain's world


def test_a_vector_store(server: LoopbackGateway) -> None:
    """A store finds the text that is most alike."""
    store = InMemoryVectorStore.from_texts(["a panda eats bamboo", "stocks fell"], at(server))
    (found,) = store.similarity_search("pandas", k=1)
    assert found.page_content == "a panda eats bamboo"


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],  # noqa: S301
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_work(server: LoopbackGateway, copied: Callable[[Any], Any]) -> None:
    """A copy embeds as its original does, and keeps the key."""
    twin = copied(at(server))
    assert twin.embed_query("x") == vector_of("x")


def test_the_key_is_shown_nowhere(server: LoopbackGateway) -> None:
    """Neither repr nor a dump holds it."""
    embeddings = at(server)
    assert server.key not in repr(embeddings) + str(embeddings.model_dump())


def test_a_misspelt_setting_is_refused(server: LoopbackGateway) -> None:
    """The error names the right one."""
    with pytest.raises(TypeError, match="did you mean 'dimensions'"):
        at(server, dimension=64)
