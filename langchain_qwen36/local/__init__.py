"""The embedded engine (extra `local`): llama.cpp's own server in a process of its own."""

from langchain_qwen36.local.engine import LocalEngine, shared_engine
from langchain_qwen36.local.model_file import default_gguf

__all__ = ["LocalEngine", "default_gguf", "shared_engine"]
