"""A Qwen3 model without weights that plays scripts, for real servers and the embedded engine."""

from __future__ import annotations

from scripted.gguf_file import save_gguf
from scripted.model import CONTEXT, ScriptedModel
from scripted.scripts import ToolFormat
from scripted.standard_scripts import standard_scripts

__all__ = ["CONTEXT", "ScriptedModel", "ToolFormat", "save_gguf", "standard_scripts"]
