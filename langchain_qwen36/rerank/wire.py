"""Build rerank requests in each gateway's form, and parse the scores of any response."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, assert_never

from langchain_qwen36._response.payload import (
    check_status,
    loads,
    parse_object,
    unexpected_response,
)
from langchain_qwen36.errors import UnsupportedSettingError
from langchain_qwen36.gateways.model_studio import native_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_qwen36._response.payload import HTTPBody, ResponseContext
    from langchain_qwen36.gateways import Endpoint, Gateway

_EXPECTED = "list of rerank results"
_SERVICE = "services/rerank/text-rerank/text-rerank"


def rerank_url(endpoint: Endpoint) -> str:
    """Return the URL of the request.

    Raises:
        UnsupportedSettingError: The gateway has no rerank.
    """
    match endpoint.gateway.rerank:
        case "model_studio":
            return native_url(str(endpoint.base_url), _SERVICE)
        case "rerank":
            return f"{endpoint.base_url}/rerank"
        case "v1/rerank":
            return f"{endpoint.base_url}/v1/rerank"
        case "unsupported":
            raise UnsupportedSettingError(
                f"`gateway={endpoint.gateway.name!r}` has no rerank: choose another gateway, or a "
                "server of your own that has it (vLLM, llama.cpp)."
            )
        case never:
            assert_never(never)


def rerank_body(
    gateway: Gateway,
    *,
    model: str,
    query: str,
    documents: Sequence[str],
    top_n: int | None,
    instruction: str | None,
) -> dict[str, Any]:
    """Return the body; the documents' texts are not requested back."""
    content: dict[str, Any] = {"query": query, "documents": list(documents)}
    limit = {} if top_n is None else {"top_n": top_n}
    if gateway.rerank == "model_studio":
        parameters: dict[str, Any] = {"return_documents": False, **limit}
        if instruction is not None:
            parameters["instruct"] = instruction
        return {"model": model, "input": content, "parameters": parameters}
    if instruction is not None:
        content["instruction"] = instruction
    return {"model": model, **content, **limit}


def scores_in(
    payload: Mapping[str, Any], context: ResponseContext, body: HTTPBody, *, count: int
) -> list[tuple[int, float]]:
    """Return the index of each document with its score.

    The results are in `output.results` (Model Studio), in `results` (vLLM, llama.cpp, Jina, Cohere)
    or are the whole response (SGLang); the score is `relevance_score` or `score`.

    Raises:
        UnexpectedResponseError: An index or a score is invalid, or an index occurs twice.
    """
    output = payload.get("output")
    found = (output if isinstance(output, dict) else payload).get("results")
    scores = [_score(entry, count) for entry in found] if isinstance(found, list) else [None]
    known = [score for score in scores if score is not None]
    if len(known) != len(scores) or len({index for index, _ in known}) != len(known):
        raise unexpected_response(context, body, _EXPECTED)
    return known


def parse_payload(context: ResponseContext, body: HTTPBody) -> Mapping[str, Any]:
    """Parse the response; a bare list becomes the results of an object.

    Raises:
        QwenError: The response is an error, or no JSON.
    """
    if not body.content.lstrip().startswith(b"["):
        return parse_object(context, body, _EXPECTED)
    check_status(context, body)
    try:
        return {"results": loads(body.content)}
    except ValueError:
        raise unexpected_response(context, body, _EXPECTED) from None


def _score(entry: Any, count: int) -> tuple[int, float] | None:
    if not isinstance(entry, dict):
        return None
    index: Any = entry.get("index")
    score: Any = entry.get("relevance_score", entry.get("score"))
    if type(index) is not int or not 0 <= index < count:
        return None
    if type(score) not in (float, int) or not math.isfinite(score):
        return None
    return index, float(score)
