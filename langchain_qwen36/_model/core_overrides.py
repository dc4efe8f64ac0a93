"""Everything that depends on private names of langchain-core, in one file.

Core may rename any of these without notice, so each names the versions that were read, why the
public way will not do, and which test fails when core changes. Two more are where they are used:
`_stream_chat_model_events` in `chat_models` (core calls it by that name;
`tests/response/test_v3_events.py`) and the copied `__dict__` of a chunk in `_response/chunks`
(`tests/response/test_fast_path.py`).
"""

from __future__ import annotations

import hashlib
import inspect
from typing import TYPE_CHECKING, Any, TypeVar, cast

from langchain_core.language_models import ModelProfile
from langchain_core.load import dumpd
from pydantic import model_validator

from langchain_qwen36._model.fields import QwenFields

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from langchain_core.outputs import ChatGeneration, Generation

_Hook = TypeVar("_Hook", bound="Callable[..., Any]")


def with_cached_signature(hook: _Hook) -> _Hook:
    """Store the signature of `_generate` or `_agenerate` on the function.

    Core 1.7 to 1.8 (`BaseChatModel._generate_with_cache`) asks `inspect.signature` in every call
    whether the hook takes `run_manager`: 4 µs with the stored signature, 18 without.
    """
    hook.__signature__ = inspect.signature(hook)  # type: ignore[attr-defined]
    return hook


class CoreOverrides(QwenFields):
    """Private methods of `BaseChatModel` that are replaced; core 1.7 to 1.8."""

    def _get_invocation_params(
        self, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Leave headers out of what traces record: they may hold a key.

        Core's own also calls its deprecated `dict` and changes the process's warning filters twice
        a call to silence that. Test: `tests/transport/test_key_leaks.py`.
        """
        kwargs.pop("extra_headers", None)
        return {**self.asdict(), "stop": stop, **kwargs}

    def _convert_cached_generations(self, cache_val: list[Generation]) -> list[ChatGeneration]:
        """Leave the cost of the first call out of what LangChain's cache returns.

        Core sets `usage_metadata["total_cost"]` to 0 and keeps `response_metadata`, so that a sum
        over messages would count the first call again. Test: `tests/callbacks/test_attempts.py`.
        """
        return [_without_cost(hit) for hit in super()._convert_cached_generations(cache_val)]

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        """Build the key of LangChain's cache again at each call.

        Core keeps the first key, even after settings change. Headers go in as a digest: a cache may
        be a file, and headers may hold a key. Test: `tests/model/test_life_cycle.py`.
        """
        if headers := kwargs.get("extra_headers"):
            digest = hashlib.sha256(repr(sorted(headers.items())).encode()).hexdigest()
            kwargs["extra_headers"] = digest
        values = {**self._identifying_params, **kwargs, "stop": stop}
        return f"{type(self).__name__}{sorted(values.items())}"

    @property
    def _serialized(self) -> dict[str, Any]:
        """Return `dumpd(self)`, computed again only when a setting has changed.

        Core caches it forever, even after settings change. Every call reads it, traced or not, and
        dumping each time would take a sixth of an `invoke`.
        """
        return self._derived("dumped", lambda: dumpd(self))

    def _derived(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what `make` derives from the settings, made anew only when one has changed."""
        values = {**self.__dict__, "_derived_cache": None}
        cache = self.__dict__.get("_derived_cache")
        if cache is None or cache[0] != values:
            cache = ({key: _shallow_copy(value) for key, value in values.items()}, {})
            # In `__dict__`, like core's cached properties, which equality of models ignores.
            self.__dict__["_derived_cache"] = cache
        derived = cast("dict[str, dict[str, Any]]", cache[1])
        if name not in derived:
            derived[name] = make()
        return derived[name]

    @model_validator(mode="after")
    def _check_profile_keys(self) -> Self:
        """Run core's check only for a profile with unknown keys.

        Core's check evaluates type hints for every model object: half the time of a construction.
        Test: `tests/model/test_caching_of_serialized.py`.
        """
        if self.profile and not self.profile.keys() <= ModelProfile.__annotations__.keys():
            super()._check_profile_keys()  # type: ignore[operator]  # pydantic unwraps it
        return self


def _shallow_copy(value: Any) -> Any:
    """Copy a dict or list, so that the caller's later changes are noticed."""
    return value.copy() if isinstance(value, dict | list) else value


def _without_cost(hit: ChatGeneration) -> ChatGeneration:
    metadata = hit.message.response_metadata
    kept = {key: metadata[key] for key in metadata if key not in ("cost", "failed_attempts")}
    message = hit.message.model_copy(update={"response_metadata": kept})
    return hit.model_copy(update={"message": message})
