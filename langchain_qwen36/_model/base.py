"""What LangChain asks about a model: its name, place, profile, size of texts, and its copies."""

from __future__ import annotations

# `with_fallbacks` resolves the annotations of the public methods it passes on.
# ruff: noqa: TC003
import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, cast

from langchain_core.language_models import ModelProfile
from langchain_core.load import dumpd
from langchain_core.messages import BaseMessage
from pydantic import model_validator

from langchain_qwen36 import tokens
from langchain_qwen36._model import cost_estimate as estimate
from langchain_qwen36._model import identity, location
from langchain_qwen36._model.fields import QwenFields, check_names

if TYPE_CHECKING:
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.language_models.base import LangSmithParams
    from langchain_core.messages import BaseMessage

    from langchain_qwen36._model.cost_estimate import CostEstimate
    from langchain_qwen36.gateways import Endpoint


class DescribedModel(QwenFields):
    """The fields, and what can be told of them without a call."""

    @property
    def _endpoint(self) -> Endpoint:
        """The gateway, its address and key; found again when what was said has changed."""
        said = (self.gateway, self.base_url, self.api_key is None)
        # Where core's own cached property stands: outside of what makes two models equal.
        located = self.__dict__.get("_located")
        if located is None or located[0] != said:
            located = self.__dict__["_located"] = (said, location.find(self))
        found: Endpoint = located[1]
        return found

    @property
    def model(self) -> str:
        """The model's id; the same as `model_name`."""
        return self.model_name

    @property
    def _llm_type(self) -> str:
        return "qwen36-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return identity.params(self, self._endpoint)

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return identity.langsmith_params(self, stop, kwargs)

    def _get_invocation_params(
        self, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Leave headers out: a key may stand in them, and these go into traces (T21).

        Core's own goes over its deprecated `dict`, and changes the process's warning filters
        twice a call to keep that quiet.
        """
        kwargs.pop("extra_headers", None)
        return {**self.asdict(), "stop": stop, **kwargs}

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        """The cache's key, made anew: core remembers it over changes of the settings (T11).

        Of headers it holds a digest: a cache may be a file, and a key may stand in them.
        """
        if headers := kwargs.get("extra_headers"):
            digest = hashlib.sha256(repr(sorted(headers.items())).encode()).hexdigest()
            kwargs["extra_headers"] = digest
        said = {**self._identifying_params, **kwargs, "stop": stop}
        return f"{type(self).__name__}{sorted(said.items())}"

    @property
    def _serialized(self) -> dict[str, Any]:
        """Made anew when a setting has changed, which core does not see (T11).

        Every call asks for it, traced or not, and each time would cost a sixth of an `invoke`.
        """
        said = {**self.__dict__, "_dumped": None}
        dumped = self.__dict__.get("_dumped")
        if dumped is None or dumped[0] != said:
            dumped = ({name: _as_it_is(value) for name, value in said.items()}, dumpd(self))
            self.__dict__["_dumped"] = dumped
        return cast("dict[str, Any]", dumped[1])

    @model_validator(mode="after")
    def _check_profile_keys(self) -> Self:
        """Core's own check evaluates its type hints for each model: half of making one."""
        if self.profile and not self.profile.keys() <= ModelProfile.__annotations__.keys():
            super()._check_profile_keys()  # type: ignore[operator]  # pydantic unwraps it
        return self

    @model_validator(mode="after")
    def _renew_stale_profile(self) -> Self:
        """A profile that a copy brought along is another model's (T12)."""
        self._renew_profile()
        return self

    def _renew_profile(self) -> None:
        if self.profile and identity.is_stale(self.profile, self.model_name):
            self.profile = self._resolve_model_profile()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy the model with some settings changed; the profile follows the model (T12).

        Raises:
            TypeError: a name that is no setting.
        """
        said = dict(update or {})
        check_names(type(self), said, "model_copy")
        if "model" in said:
            said["model_name"] = said.pop("model")
        copy = super().model_copy(update=said, deep=deep)
        if "profile" not in said:
            copy._renew_profile()  # noqa: SLF001  # a copy of ourselves
        return copy

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Copy deeply; your own HTTP clients are shared, for sockets have no copy (T23)."""
        shared = (self.http_client, self.http_async_client, self.price_book)
        return super().__deepcopy__({**(memo or {}), **{id(each): each for each in shared}})

    def __getstate__(self) -> dict[Any, Any]:
        """Pickle without your own HTTP clients: the copy makes connections of its own (T23).

        Nor does a key of the environment go along: the copy reads the variable where it is.
        """
        state = super().__getstate__()
        gone = dict.fromkeys(("http_client", "http_async_client", "_dumped", "_located"))
        return {**state, "__dict__": {**state["__dict__"], **gone}}

    def _resolve_model_profile(self) -> ModelProfile | None:
        return identity.profile(self.model_name, self._endpoint.gateway)

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether `dumps` and `loads` take it: yes, without any key."""
        return True

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The key's variable, which `loads` reads it from."""
        return {"api_key": next(iter(self._endpoint.gateway.key_env), "QWEN36_API_KEY")}

    def get_num_tokens(self, text: str) -> int:
        """How many tokens a text is, by our estimate or the extra `tokenizer` (P39)."""
        return tokens.count_text(text)

    def get_num_tokens_from_messages(
        self, messages: Sequence[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """How many tokens messages and tools are, with what the chat template adds (P40)."""
        return estimate.count(self, self._endpoint.gateway, messages, tools or ())

    def estimate_cost(
        self,
        messages: LanguageModelInput,
        *,
        tools: Sequence[Any] = (),
        max_tokens: int | None = None,
    ) -> CostEstimate:
        """Say what a call would cost by the price list, and how far the next price tier is.

        Thoughts are in it only as far as `max_tokens` counts them: some servers bill them on top
        (dashscope.md §0.4).

        Args:
            messages: What `invoke` would take.
            tools: What `bind_tools` would take.
            max_tokens: The longest answer to reckon with; the model's own limit when left out.
        """
        asked = self._convert_input(messages).to_messages()
        return estimate.estimate(self, self._endpoint.gateway, asked, tools, max_tokens)


def _as_it_is(value: Any) -> Any:
    """A value that does not change with the caller's own dict or list."""
    return value.copy() if isinstance(value, dict | list) else value
