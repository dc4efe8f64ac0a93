"""Make models from names such as `"qwen36:qwen3.6-plus"`, also inside LangChain and deepagents."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Unpack

from langchain_qwen36._content.messages import PROVIDER
from langchain_qwen36._model.settings import InitSettings  # noqa: TC001
from langchain_qwen36.chat_models import ChatQwen36


def init_qwen36(model: str | None = None, **settings: Unpack[InitSettings]) -> ChatQwen36:
    """Make a model from a name, as config files hold it.

        init_qwen36("qwen3.6-plus")
        init_qwen36("qwen36:openrouter:qwen3.6-plus", temperature=0)

    Args:
        model: A model's id, with or without `qwen36:` and the gateway in front. None: the
            default model.
        **settings: The settings of `ChatQwen36`.

    Raises:
        MissingKeyError: no gateway can be chosen, or its key is not set.
        TypeError: a keyword that is no setting.
    """
    if model is None:
        return ChatQwen36(**settings)
    return ChatQwen36(model=model.removeprefix(f"{PROVIDER}:"), **settings)


def register() -> None:
    """Let `init_chat_model("qwen36:qwen3.6-plus")` and `create_agent("qwen36:…")` work.

    `init_embeddings("qwen36:text-embedding-v4")` works then, too.

    LangChain has no public way to add a provider (docs/quirks.md#providers-by-name), so this
    writes into its table of providers; a test holds it to the versions that we support. Calling it
    again changes nothing.
    Without it, pass `init_qwen36("qwen36:…")` wherever a model is taken.

    Raises:
        ImportError: LangChain is not installed (extra `agents`).
        RuntimeError: this version of LangChain keeps its providers otherwise.
    """
    _providers("langchain.chat_models.base")[PROVIDER] = ("langchain_qwen36", "ChatQwen36", _make)
    _providers("langchain.embeddings.base")[PROVIDER] = (
        "langchain_qwen36.embeddings",
        "QwenEmbeddings",
        _make,
    )


def _providers(module: str) -> dict[str, Any]:
    """Return LangChain's table of providers."""
    try:
        langchain = import_module(module)
    except ImportError as error:
        raise ImportError(
            "`register()` needs LangChain: pip install 'langchain-qwen36[agents]'."
        ) from error
    providers = getattr(langchain, "_BUILTIN_PROVIDERS", None)
    if not isinstance(providers, dict):
        raise RuntimeError(  # noqa: TRY004 - no argument is of a wrong type
            "This version of LangChain keeps its providers where we do not know them: pass "
            "`init_qwen36(...)` in place of the name, and tell us the version."
        )
    return providers


def register_deepagents() -> None:
    """Let `create_deep_agent("qwen36:…")` work: deepagents calls this as an entry point."""
    from deepagents import ProviderProfile, register_provider_profile  # noqa: PLC0415

    register_provider_profile(PROVIDER, ProviderProfile(pre_init=lambda _spec: register()))


def _make(cls: type[Any], **settings: Any) -> Any:
    return cls(**settings)
