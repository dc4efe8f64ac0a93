"""`ChatQwen36`: the LangChain chat model for Qwen3.6, on any gateway that sells or runs it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

__all__ = [
    "GATEWAYS",
    "ChatQwen36",
    "Gateway",
    "PriceBook",
    "QwenCostCallbackHandler",
    "QwenWarning",
    "Timeouts",
    "__version__",
    "get_qwen_cost_callback",
    "init_qwen36",
    "no_waiting",
    "register",
]

_register_blocks()


def __getattr__(name: str) -> Any:
    """Load the cost handler where it is asked for: it would be a tenth of the import."""
    if name in ("QwenCostCallbackHandler", "get_qwen_cost_callback"):
        return getattr(import_module("langchain_qwen36.callbacks"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
