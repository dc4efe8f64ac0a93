"""Embeddings of Qwen's models at the gateways of the chat model.

embeddings = QwenEmbeddings(model="text-embedding-v4", gateway="dashscope")
vectors = embeddings.embed_documents(["one text", "another"])
"""

from langchain_qwen36._model.retrieval import RequestUsage, UsageTotal
from langchain_qwen36.embeddings.model import EmbeddingResult, QwenEmbeddings

__all__ = ["EmbeddingResult", "QwenEmbeddings", "RequestUsage", "UsageTotal"]
