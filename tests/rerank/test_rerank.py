"""`QwenRerank`: what it sends in each form, which documents come back, what they cost."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from foreign_values import LARGE
from langchain_core.documents import Document
from loopback import LoopbackGateway, Raw
from modes import called

from langchain_qwen36 import no_waiting
from langchain_qwen36.errors import (
    MessageError,
    RateLimitError,
    UnexpectedResponseError,
    UnsupportedSettingError,
)
from langchain_qwen36.rerank import QwenRerank, RankedDocument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modes import Mode

TEXTS = ["stocks fell", "a panda eats bamboo", "bamboo grows"]
NATIVE = "/api/v1/services/rerank/text-rerank/text-rerank"


@pytest.fixture
def server() -> Iterator[LoopbackGateway]:
    """Serve Model Studio."""
    with LoopbackGateway("dashscope") as server:
        yield server


def at(server: LoopbackGateway, **settings: Any) -> QwenRerank:
    """Return a rerank of a server."""
    where = {"gateway": server.row.name, "base_url": server.base_url, "api_key": server.key}
    return QwenRerank(**where | settings)


def results(*scores: tuple[int, float], **more: Any) -> dict[str, Any]:
    """Return a response of Jina's form."""
    found = [{"index": index, "relevance_score": score} for index, score in scores]
    return {"results": found, **more}


# Requests


def test_half_a_surrogate_pair_is_replaced(server: LoopbackGateway, mode: Mode) -> None:
    """No UTF-8 can hold it, and a text may have been cut amid an emoji."""
    called(mode, at(server), "rerank", "panda \ud83d", ["bamboo \udfff"])
    content = server.requests[0].body["input"]
    assert (content["query"], content["documents"]) == ("panda \ufffd", ["bamboo \ufffd"])


def test_model_studios_form(server: LoopbackGateway, mode: Mode) -> None:
    """Model Studio's own API has the query in `input` and the rest in `parameters`."""
    rerank = at(server, top_n=2, instruction="Find answers.")
    called(mode, rerank, "rerank", "What does a panda eat?", TEXTS)
    (request,) = server.requests
    assert request.path == NATIVE
    assert request.body == {
        "model": "qwen3-rerank",
        "input": {"query": "What does a panda eat?", "documents": TEXTS},
        "parameters": {"return_documents": False, "top_n": 2, "instruct": "Find answers."},
    }


@pytest.mark.parametrize(
    ("gateway", "path"),
    [("vllm", "/v1/rerank"), ("llamacpp", "/v1/rerank"), ("novita", "/openai/v1/rerank")],
)
def test_jinas_form(mode: Mode, gateway: str, path: str) -> None:
    """All other servers have `/rerank`, with everything at the top."""
    with LoopbackGateway(gateway) as server:
        called(mode, at(server, model="qwen3-reranker-8b", top_n=None), "rerank", "panda", TEXTS)
    (request,) = server.requests
    assert request.path == path
    assert request.body == {"model": "qwen3-reranker-8b", "query": "panda", "documents": TEXTS}


@pytest.mark.parametrize("gateway", ["ollama", "lmstudio", "local"])
def test_a_gateway_without_rerank(gateway: str) -> None:
    """It is refused at construction."""
    with pytest.raises(UnsupportedSettingError, match="no rerank"):
        QwenRerank(gateway=gateway)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"model": "text-embedding-v4"}, "QwenEmbeddings", id="an embedding model"),
        pytest.param({"chunk_size": 501}, "takes 500", id="too many documents"),
        pytest.param(
            {"base_url": "https://example.com/v1"}, "compatible-mode", id="another base URL"
        ),
    ],
)
def test_what_cannot_work_is_refused_at_construction(
    server: LoopbackGateway, settings: dict[str, Any], message: str
) -> None:
    """The error names the fix."""
    with pytest.raises(UnsupportedSettingError, match=message):
        at(server, **settings)


@pytest.mark.parametrize(
    ("query", "documents", "message"),
    [
        pytest.param("", TEXTS, "query is empty", id="an empty query"),
        pytest.param("x", ["a", " "], r"documents\[1\] is empty", id="an empty document"),
        pytest.param("x", ["a", 7], r"documents\[1\] is int", id="a number"),
    ],
)
def test_what_has_no_rank_is_refused_before_sending(
    server: LoopbackGateway, mode: Mode, query: str, documents: Any, message: str
) -> None:
    """The error names the place in the list."""
    with pytest.raises(MessageError, match=message):
        called(mode, at(server), "rerank", query, documents)
    assert server.requests == []


def test_no_documents_cost_no_request(server: LoopbackGateway, mode: Mode) -> None:
    """A retriever that found nothing is no error."""
    assert called(mode, at(server), "compress_documents", [], "x") == []
    assert server.requests == []


# Responses


def test_the_best_documents_come_first(server: LoopbackGateway, mode: Mode) -> None:
    """Documents come back with their score, and those that were passed stay as they are."""
    documents = [Document(text, metadata={"n": n}, id=str(n)) for n, text in enumerate(TEXTS)]
    found = called(mode, at(server, top_n=2), "compress_documents", documents, "panda")
    assert [document.id for document in found] == ["1", "2"]
    assert found[0].metadata["n"] == 1
    assert found[0].metadata["relevance_score"] > found[1].metadata["relevance_score"]
    assert [document.metadata for document in documents] == [{"n": 0}, {"n": 1}, {"n": 2}]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"output": results((1, 0.9), (0, 0.1))}, id="Model Studio"),
        pytest.param(results((1, 0.9), (0, 0.1)), id="Jina, vLLM, llama.cpp"),
        pytest.param('[{"index": 0, "score": 0.1}, {"index": 1, "score": 0.9}]', id="SGLang"),
    ],
)
def test_scores_of_every_form(server: LoopbackGateway, mode: Mode, body: Any) -> None:
    """The score decides the order, wherever it stands."""
    server.script(Raw(body=body))
    assert called(mode, at(server), "rerank", "x", ["a", "b"]) == [
        RankedDocument(1, 0.9),
        RankedDocument(0, 0.1),
    ]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(results((0, 0.9), (0, 0.1)), id="an index twice"),
        pytest.param(results((2, 0.9)), id="an index that was not sent"),
        pytest.param(results((-1, 0.9)), id="an index below 0"),
        pytest.param({"results": [{"index": 0}]}, id="no score"),
        pytest.param('{"results": [{"index": 0, "relevance_score": NaN}]}', id="no number"),
        pytest.param(
            f'{{"results": [{{"index": 0, "relevance_score": {LARGE}}}]}}',
            id="a number no float is",
        ),
        pytest.param({"results": [{"index": True, "relevance_score": 1}]}, id="no index"),
        pytest.param({"output": {}}, id="no results"),
        pytest.param("[7]", id="no entries"),
    ],
)
def test_scores_that_do_not_fit_are_an_error(
    server: LoopbackGateway, mode: Mode, body: Any
) -> None:
    """No document gets another's score."""
    server.script(*[Raw(body=body)] * 3)
    with no_waiting(), pytest.raises(UnexpectedResponseError, match="rerank"):
        called(mode, at(server), "rerank", "x", ["a", "b"])


def test_a_long_list_is_split(server: LoopbackGateway, mode: Mode) -> None:
    """Scores of several requests are put together, and the best of all come back."""
    texts = [*["stocks fell"] * 1_000, "panda"]
    rerank = at(server, top_n=2)
    found = called(mode, rerank, "rerank", "panda", texts)
    assert found[0] == RankedDocument(1_000, pytest.approx(1.0))
    assert len(found) == 2
    sent = sorted(len(body["input"]["documents"]) for body in server.bodies)
    assert sent == [1, 500, 500]
    assert rerank.usage.inputs == 1_001


def test_a_least_score(server: LoopbackGateway, mode: Mode) -> None:
    """Documents below `min_score` are left out."""
    server.script(Raw(body={"output": results((0, 0.4), (1, 0.5), (2, 0.6))}))
    found = called(mode, at(server, min_score=0.5, top_n=None), "rerank", "x", TEXTS)
    assert [place.index for place in found] == [2, 1]


# Cost and errors


def test_usage_and_cost(server: LoopbackGateway, mode: Mode) -> None:
    """The tokens of the response are priced by the book."""
    server.script(Raw(body={"output": results((0, 0.5)), "usage": {"total_tokens": 1_000}}))
    rerank = at(server)
    called(mode, rerank, "rerank", "x", TEXTS)
    assert rerank.usage.input_tokens == 1_000
    assert rerank.usage.cost == {"CNY": Decimal("0.0005")}


def test_tokens_in_coheres_meta(mode: Mode) -> None:
    """SiliconFlow counts in `meta.tokens`."""
    tokens = {"input_tokens": 79, "output_tokens": 0}
    with LoopbackGateway("siliconflow") as server:
        server.script(Raw(body=results((0, 0.5), meta={"tokens": tokens})))
        rerank = at(server, model="Qwen/Qwen3-Reranker-8B")
        called(mode, rerank, "rerank", "x", TEXTS)
    assert (rerank.usage.input_tokens, rerank.usage.unpriced) == (79, 1)


def test_model_studios_native_errors(server: LoopbackGateway, mode: Mode) -> None:
    """A code of the native API is read as that of the compatible one."""
    body = {"code": "Throttling.RateQuota", "message": "Requests rate limit exceeded"}
    server.script(*[Raw(status=429, body=body)] * 3)
    with no_waiting(), pytest.raises(RateLimitError, match="rate limit exceeded"):
        called(mode, at(server), "rerank", "x", TEXTS)
    assert len(server.requests) == 3
