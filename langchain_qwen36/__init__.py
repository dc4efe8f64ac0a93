"""`ChatQwen36`: the LangChain chat model for Qwen3.6, on any gateway that sells or runs it."""

from typing import TYPE_CHECKING

from langchain_qwen36._lazy_names import lazy_names
from langchain_qwen36._model.user_warnings import QwenWarning
from langchain_qwen36._response.content_blocks import register as _register_blocks
from langchain_qwen36._transport import Timeouts, no_waiting
from langchain_qwen36._version import __version__
from langchain_qwen36.catalog import PriceBook
from langchain_qwen36.chat_models import ChatQwen36
from langchain_qwen36.gateways import GATEWAYS, Gateway
from langchain_qwen36.registration import init_qwen36, register

if TYPE_CHECKING:
    from langchain_qwen36.callbacks import QwenCostCallbackHandler, get_qwen_cost_callback
    from langchain_qwen36.embeddings import QwenEmbeddings
    from langchain_qwen36.files import QwenFiles
    from langchain_qwen36.rerank import QwenRerank

__all__ = [
    "GATEWAYS",
    "ChatQwen36",
    "Gateway",
    "PriceBook",
    "QwenCostCallbackHandler",
    "QwenEmbeddings",
    "QwenFiles",
    "QwenRerank",
    "QwenWarning",
    "Timeouts",
    "__version__",
    "get_qwen_cost_callback",
    "init_qwen36",
    "no_waiting",
    "register",
]

_register_blocks()


_LAZY = {
    "QwenCostCallbackHandler": "callbacks",
    "QwenEmbeddings": "embeddings",
    "QwenFiles": "files",
    "QwenRerank": "rerank",
    "get_qwen_cost_callback": "callbacks",
}
"""Names that are imported on first use; the cost handler alone would be a tenth of the import."""

__getattr__ = lazy_names(__name__, _LAZY)
