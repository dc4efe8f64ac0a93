"""Embeddings and rerank of a gateway: what it refuses, and what it answers.

The shapes are those of Model Studio's pages on embeddings and rerank, and of vLLM's and llama.cpp's
servers; a vector and a score are made of the letters of the text.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

Body = dict[str, Any]
Answer = tuple[int, Body]

_SIZE = 1_024
_MOST = {"text-embedding-v4": 10, "text-embedding-v3": 10, "text-embedding-v2": 25}


def embeddings(body: Body, number: int) -> Answer:
    """Answer `POST /embeddings`."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    most = _MOST.get(body["model"])
    if most is not None and len(texts) > most:
        message = (
            "<400> InternalError.Algo.InvalidParameter: Value error, batch size is invalid, it "
            f"should not be larger than {most}.: input.contents"
        )
        return 400, _error(message, "InvalidParameter", number)
    size = body.get("dimensions", _SIZE)
    tokens = sum(len(text) for text in texts)
    return 200, {
        "data": [
            {"embedding": vector_of(text, size), "index": index, "object": "embedding"}
            for index, text in enumerate(texts)
        ],
        "model": body["model"],
        "object": "list",
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "id": f"{number:08x}-0000-4000-8000-000000000000",
    }


def vector_of(text: str, size: int = _SIZE) -> list[float]:
    """Return a vector of length 1 that two texts of the same letters share."""
    counts = Counter(ord(letter) % size for letter in text.lower())
    length = math.sqrt(sum(count**2 for count in counts.values())) or 1.0
    return [counts.get(place, 0) / length for place in range(size)]


def native_rerank(body: Body, number: int) -> Answer:
    """Answer Model Studio's own rerank."""
    content, parameters = body["input"], body.get("parameters", {})
    if len(content["documents"]) > 500:
        return 400, {
            "code": "InvalidParameter",
            "message": "Range of documents size should be [1, 500]",
            "request_id": f"{number:08x}",
        }
    results = _results(content["query"], content["documents"], parameters.get("top_n"))
    return 200, {
        "output": {"results": results},
        "usage": {"total_tokens": _tokens(content["query"], content["documents"])},
        "request_id": f"{number:08x}-0000-4000-8000-000000000000",
    }


def rerank(body: Body, number: int) -> Answer:
    """Answer Jina's `POST /rerank`, as vLLM does."""
    results = _results(body["query"], body["documents"], body.get("top_n"))
    for result in results:
        result["document"] = {"text": body["documents"][result["index"]]}
    tokens = _tokens(body["query"], body["documents"])
    return 200, {
        "id": f"rerank-{number:08x}",
        "model": body["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "results": results,
    }


def _results(query: str, documents: list[str], top_n: int | None) -> list[Body]:
    target = vector_of(query)
    scores = [
        sum(one * other for one, other in zip(target, vector_of(text), strict=True))
        for text in documents
    ]
    order = sorted(range(len(documents)), key=lambda index: -scores[index])
    return [{"index": index, "relevance_score": scores[index]} for index in order[:top_n]]


def _tokens(query: str, documents: list[str]) -> int:
    return sum(len(query) + len(text) for text in documents)


def _error(message: str, code: str, number: int) -> Body:
    return {
        "error": {"code": code, "param": None, "message": message, "type": code},
        "id": f"{number:08x}",
        "request_id": f"{number:08x}",
    }
