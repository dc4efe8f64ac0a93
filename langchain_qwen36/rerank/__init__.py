"""Rerank documents: the ones that answer a query best come first.

rerank = QwenRerank(model="qwen3-rerank", gateway="dashscope", top_n=3)
best = rerank.compress_documents(documents, "What is a panda?")
"""

from langchain_qwen36._model.retrieval import RequestUsage, UsageTotal
from langchain_qwen36.rerank.model import QwenRerank, RankedDocument

__all__ = ["QwenRerank", "RankedDocument", "RequestUsage", "UsageTotal"]
