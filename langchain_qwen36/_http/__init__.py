"""The transport: one attempt, sync or async, with its clocks and its connections."""

from langchain_qwen36._http.answer import Answer, AsyncAnswer
from langchain_qwen36._http.clients import ClientSettings
from langchain_qwen36._http.clocks import Clock, Timeouts
from langchain_qwen36._http.target import Target
from langchain_qwen36._http.transport import Reply, aopen_stream, apost, open_stream, post

__all__ = [
    "Answer",
    "AsyncAnswer",
    "ClientSettings",
    "Clock",
    "Reply",
    "Target",
    "Timeouts",
    "aopen_stream",
    "apost",
    "open_stream",
    "post",
]
