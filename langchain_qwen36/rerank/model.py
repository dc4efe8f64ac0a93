"""`QwenRerank`: LangChain's document compressor over a gateway's rerank."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import Field

from langchain_qwen36._model.client import ClientRequest
from langchain_qwen36._model.concurrency import arun_parts, run_parts
from langchain_qwen36._model.retrieval import RetrievalModel, check_text
from langchain_qwen36._request.build import to_bytes
from langchain_qwen36.errors import UnsupportedSettingError
from langchain_qwen36.rerank.wire import parse_payload, rerank_body, rerank_url, scores_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.callbacks import Callbacks

    from langchain_qwen36._response.payload import HTTPBody, ResponseContext

_DEFAULT_CHUNK = 500
"""Documents in one request if its maximum is not known."""


@dataclass(frozen=True, slots=True)
class RankedDocument:
    """A document's index in the given list, and its relevance to the query."""

    index: int
    """Index in the given list."""
    relevance_score: float
    """The model's score; most models' are from 0 to 1."""


class _Chunk(NamedTuple):
    query: str
    documents: Sequence[str]
    start: int
    top_n: int | None


class QwenRerank(RetrievalModel, BaseDocumentCompressor):
    """Rerank of Qwen's models: Model Studio, or any server with Jina's `/rerank`.

        rerank = QwenRerank(model="qwen3-rerank", gateway="dashscope", top_n=3)
        best = rerank.compress_documents(documents, "What is a panda?")

    Each document is scored by itself, so a list that is longer than one request takes is split and
    its scores are merged. `usage` is the usage of this object, `on_usage` is called after each
    request.

    Raises:
        TypeError: a keyword that is no setting.
        MissingKeyError: no gateway can be chosen, or its key is not set.
        UnsupportedSettingError: an unknown gateway, or one without rerank; a key that cannot be
            sent; an embedding model.
    """

    model: str = "qwen3-rerank"
    """The model's bare id; `"vllm:Qwen/Qwen3-Reranker-8B"` also names the gateway. An id that the
    catalogue does not know goes through unchanged."""
    top_n: int | None = Field(default=3, ge=1)
    """How many documents are returned; None: all, in their new order."""
    min_score: float | None = None
    """Documents with a lower score are not returned."""
    instruction: str | None = None
    """What makes a document relevant, in a sentence, best in English; for `qwen3-rerank`."""

    def _check_settings(self) -> None:
        super()._check_settings()
        rerank_url(self._endpoint)
        known = self._known_model
        if known is not None and known.kind != "rerank":
            raise UnsupportedSettingError(
                f"`model={self.model!r}` embeds texts: use `QwenEmbeddings`, or choose a rerank "
                "model such as 'qwen3-rerank'."
            )
        self._check_chunk_size("documents")

    def compress_documents(
        self,
        documents: Sequence[Document],
        query: str,
        callbacks: Callbacks | None = None,  # noqa: ARG002  # LangChain's signature
    ) -> Sequence[Document]:
        """Return the best documents, the best first, with `relevance_score` in their metadata.

        The documents that were passed are not changed.

        Args:
            documents: The documents that a retriever found; no documents cost no request.
            query: The query that they should answer.
            callbacks: LangChain's own argument; a rerank has no events.

        Raises:
            MessageError: the query or a document is empty, or is no text.
            QwenError: the gateway refuses, or cannot be reached.
        """
        ranked = self.rerank(query, [document.page_content for document in documents])
        return [_scored(documents[entry.index], entry) for entry in ranked]

    async def acompress_documents(
        self,
        documents: Sequence[Document],
        query: str,
        callbacks: Callbacks | None = None,  # noqa: ARG002  # LangChain's signature
    ) -> Sequence[Document]:
        """`compress_documents`, async."""
        ranked = await self.arerank(query, [document.page_content for document in documents])
        return [_scored(documents[entry.index], entry) for entry in ranked]

    def rerank(self, query: str, documents: Sequence[str]) -> list[RankedDocument]:
        """Return the best texts by their index, the best first.

        Raises:
            MessageError: the query or a text is empty, or is no text.
            QwenError: the gateway refuses, or cannot be reached.
        """
        chunks = self._chunks(query, documents)
        return self._best(run_parts(chunks, self._rank_chunk, self.max_concurrency))

    async def arerank(self, query: str, documents: Sequence[str]) -> list[RankedDocument]:
        """`rerank`, async."""
        chunks = self._chunks(query, documents)
        return self._best(await arun_parts(chunks, self._arank_chunk, self.max_concurrency))

    def _rank_chunk(self, chunk: _Chunk) -> list[RankedDocument]:
        return self._send(self._request(chunk), partial(self._read, chunk))

    async def _arank_chunk(self, chunk: _Chunk) -> list[RankedDocument]:
        return await self._asend(self._request(chunk), partial(self._read, chunk))

    def _chunks(self, query: str, documents: Sequence[str]) -> list[_Chunk]:
        if not documents:
            return []
        check_text("query", query, "rank")
        for index, text in enumerate(documents):
            check_text(f"documents[{index}]", text, "rank")
        size = self._largest_chunk(_DEFAULT_CHUNK)
        return [
            _Chunk(query, documents[start : start + size], start, self.top_n)
            for start in range(0, len(documents), size)
        ]

    def _request(self, chunk: _Chunk) -> ClientRequest:
        endpoint = self._endpoint
        body = rerank_body(
            endpoint.gateway,
            model=self._wire_model,
            query=chunk.query,
            documents=chunk.documents,
            top_n=min(chunk.top_n, len(chunk.documents)) if chunk.top_n else None,
            instruction=self.instruction,
        )
        body |= self.extra_body or {}
        return ClientRequest(url=rerank_url(endpoint), body=to_bytes(body), model=self.model)

    def _read(
        self, chunk: _Chunk, context: ResponseContext, body: HTTPBody
    ) -> list[RankedDocument]:
        count = len(chunk.documents)
        payload = parse_payload(context, body)
        self._record(payload, body, count)  # it is paid for, whatever the scores are
        scores = scores_in(payload, context, body, count=count)
        return [RankedDocument(chunk.start + index, score) for index, score in scores]

    def _best(self, chunks: Sequence[list[RankedDocument]]) -> list[RankedDocument]:
        ranked = [entry for chunk in chunks for entry in chunk]
        ranked.sort(key=lambda entry: (-entry.relevance_score, entry.index))
        if self.min_score is not None:
            ranked = [entry for entry in ranked if entry.relevance_score >= self.min_score]
        return ranked[: self.top_n]


def _scored(document: Document, entry: RankedDocument) -> Document:
    metadata = {**document.metadata, "relevance_score": entry.relevance_score}
    return document.model_copy(update={"metadata": metadata})
