"""Build a model's profile, which LangChain's agents and middleware read.

See docs/quirks.md#model-profiles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.language_models.model_profile import ModelProfile

    from langchain_qwen36.catalog.models import Model


def profile_of(model: Model | None, *, structured_output: bool = False) -> ModelProfile:
    """Return LangChain's profile of a model, without unknown keys; {} for an unknown model.

    `structured_output` decides whether `create_agent` asks the server for the answer's schema, so
    the caller passes True only if the gateway, in this thinking mode, enforces one.

    `max_input_tokens` is the longest input that is accepted in either thinking mode, or the context
    window if no list prints it: summarizing middleware compares with it.
    """
    if model is None:
        return {}
    known: dict[str, Any] = {
        "name": model.id,
        "release_date": model.released.isoformat() if model.released else None,
        "open_weights": model.open_weights,
        "max_input_tokens": _longest_input(model),
        "max_output_tokens": model.max_output_tokens,
        "text_inputs": "text" in model.inputs,
        "image_inputs": "image" in model.inputs,
        "image_url_inputs": "image" in model.inputs,
        "video_inputs": "video" in model.inputs,
        "audio_inputs": False,
        "pdf_inputs": False,
        # A tool message's content must be a string (docs/quirks.md#media-parts-of-model-studio).
        "image_tool_message": False,
        "pdf_tool_message": False,
        "reasoning_output": model.thinking != "never",
        "text_outputs": True,
        "image_outputs": False,
        "audio_outputs": False,
        "video_outputs": False,
        "tool_calling": model.tool_calling,
        "tool_call_streaming": model.tool_calling,
        "structured_output": structured_output,
        "temperature": True,
    }
    return {key: value for key, value in known.items() if value is not None}  # type: ignore[return-value]


def _longest_input(model: Model) -> int | None:
    printed = (model.max_input_tokens, model.max_input_tokens_thinking)
    return min((size for size in printed if size is not None), default=model.context_window)
