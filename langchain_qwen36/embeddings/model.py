"""`QwenEmbeddings`: LangChain's embeddings over OpenAI's `/embeddings`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings
from pydantic import Field

from langchain_qwen36._model.client import ClientRequest
from langchain_qwen36._model.concurrency import arun_parts, run_parts
from langchain_qwen36._model.retrieval import (
    RequestUsage,
    RetrievalModel,
    UsageTotal,
    check_text,
)
from langchain_qwen36._request.build import to_bytes
from langchain_qwen36.embeddings.response import parse_payload, vectors_in
from langchain_qwen36.errors import MessageError, UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_qwen36._response.payload import HTTPBody, ResponseContext
    from langchain_qwen36.embeddings.response import Vector

_DEFAULT_CHUNK = 64
"""Texts in one request if its maximum is not known; OpenAI's own limit is 2,048."""

_Part = tuple["list[Vector]", RequestUsage]


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddingResult:
    """Vectors, and the usage of their requests."""

    vectors: list[Vector]
    """Vectors in the order of the texts."""
    requests: tuple[RequestUsage, ...]
    """Usage of each request, in the same order."""

    @property
    def usage(self) -> UsageTotal:
        """The usage of all requests together."""
        return reduce(UsageTotal.plus, self.requests, UsageTotal())


class QwenEmbeddings(RetrievalModel, Embeddings):
    """Embeddings of Qwen's models at any gateway that has OpenAI's `/embeddings`.

        embeddings = QwenEmbeddings(model="text-embedding-v4", gateway="dashscope")
        store = InMemoryVectorStore(embeddings)

    A list that is longer than one request takes is split; its vectors come back in its order.
    `embed(texts)` returns them with tokens and cost, and `usage` is the sum of this object.

    Raises:
        TypeError: a keyword that is no setting.
        MissingKeyError: no gateway can be chosen, or its key is not set.
        UnsupportedSettingError: an unknown gateway, a key that cannot be sent, or `dimensions` that
            the model does not have.
    """

    model: str = "text-embedding-v4"
    """The model's bare id; `"openrouter:qwen3-embedding-8b"` also names the gateway. An id that
    the catalogue does not know goes through unchanged."""
    dimensions: int | None = Field(default=None, gt=0)
    """The size of a vector. None: the model's own."""
    query_instruction: str | None = None
    """The purpose of queries, written before the text in `embed_query`, in the form with which
    Qwen3-Embedding was trained (`Instruct: …`, `Query: …`). Documents are sent unchanged."""

    def _check_settings(self) -> None:
        """Refuse settings that the model's maker refuses."""
        super()._check_settings()
        known = self._known_model
        if known is None:
            return
        if known.kind != "embedding":
            raise UnsupportedSettingError(
                f"`model={self.model!r}` ranks documents: use `QwenRerank`, or choose an "
                "embedding model such as 'text-embedding-v4'."
            )
        sizes, most = known.dimensions, known.max_dimensions
        if self.dimensions is not None and (
            (sizes and self.dimensions not in sizes) or (most and self.dimensions > most)
        ):
            listed = ", ".join(map(str, sorted(sizes))) if sizes else f"1 to {most}"
            raise UnsupportedSettingError(
                f"`dimensions={self.dimensions}`: {known.id!r} has {listed}."
            )
        self._check_chunk_size("texts")

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of texts, in their order; no texts cost no request.

        Raises:
            MessageError: A text is empty, or is no text.
            QwenError: the gateway refuses, or cannot be reached.
        """
        return self.embed(texts).vectors

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """`embed_documents`, async."""
        return (await self.aembed(texts)).vectors

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a query.

        Raises:
            MessageError: The text is empty, or is no text.
            QwenError: the gateway refuses, or cannot be reached.
        """
        return self.embed([self._query(text)]).vectors[0]

    async def aembed_query(self, text: str) -> list[float]:
        """`embed_query`, async."""
        return (await self.aembed([self._query(text)])).vectors[0]

    def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Return the vectors of texts with what each request used.

        Raises:
            MessageError: A text is empty, or is no text.
            QwenError: the gateway refuses, or cannot be reached. The usage of requests before that
                is in `usage`.
        """
        return _result(run_parts(self._chunks(texts), self._embed_chunk, self.max_concurrency))

    async def aembed(self, texts: Sequence[str]) -> EmbeddingResult:
        """`embed`, async."""
        chunks = self._chunks(texts)
        return _result(await arun_parts(chunks, self._aembed_chunk, self.max_concurrency))

    def _embed_chunk(self, texts: Sequence[str]) -> _Part:
        return self._send(self._request(texts), partial(self._read, len(texts)))

    async def _aembed_chunk(self, texts: Sequence[str]) -> _Part:
        return await self._asend(self._request(texts), partial(self._read, len(texts)))

    def _chunks(self, texts: Sequence[str]) -> list[Sequence[str]]:
        _check_texts(texts)
        size = self._largest_chunk(_DEFAULT_CHUNK)
        return [texts[start : start + size] for start in range(0, len(texts), size)]

    def _request(self, texts: Sequence[str]) -> ClientRequest:
        body: dict[str, Any] = {
            "model": self._wire_model,
            "input": list(texts),
            "encoding_format": "float",
        }
        if self.dimensions is not None:
            body["dimensions"] = self.dimensions
        body |= self.extra_body or {}
        return ClientRequest(path="embeddings", body=to_bytes(body), model=self.model)

    def _read(self, count: int, context: ResponseContext, body: HTTPBody) -> _Part:
        payload = parse_payload(context, body)
        usage = self._record(payload, body, count)  # it is paid for, whatever the vectors are
        vectors = vectors_in(payload, context, body, count=count, dimensions=self.dimensions)
        return vectors, usage

    def _query(self, text: str) -> str:
        _check_texts([text])
        if self.query_instruction is None:
            return text
        return f"Instruct: {self.query_instruction}\nQuery: {text}"


def _result(parts: Sequence[_Part]) -> EmbeddingResult:
    return EmbeddingResult(
        vectors=[vector for vectors, _ in parts for vector in vectors],
        requests=tuple(usage for _, usage in parts),
    )


def _check_texts(texts: Any) -> None:
    """Refuse texts without a vector; servers' errors do not say which text it was.

    Raises:
        MessageError: The message names the position in the list.
    """
    if isinstance(texts, str):
        raise MessageError("`embed_documents` takes a list of texts: use `embed_query` for one.")
    for index, text in enumerate(texts):
        check_text(f"texts[{index}]", text, "embedding")
