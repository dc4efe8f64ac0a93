"""The connection's settings and one request, shared by all clients except the chat model."""

from __future__ import annotations

from collections.abc import Mapping  # pydantic reads it
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, SecretStr, field_validator

from langchain_qwen36._model.connection import (
    async_api_key,
    check_api_key,
    check_clients,
    check_headers,
    ensure_engine_running,
    headers_of,
    resolve_endpoint,
    sync_api_key,
    target_of,
    timeouts_of,
    url_with_query,
)
from langchain_qwen36._model.fields import ApiKey  # pydantic reads it
from langchain_qwen36._model.secret_settings import hide_secrets
from langchain_qwen36._model.setting_hints import unknown_setting
from langchain_qwen36._transport import ApiCall
from langchain_qwen36.gateways import Gateway

if TYPE_CHECKING:
    from langchain_qwen36._transport.http.client import RequestBody
    from langchain_qwen36.gateways import Endpoint

Method = Literal["GET", "POST", "DELETE"]


class ClientSettings(BaseModel):
    """The settings of a client that say where its requests go and how long they may take."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
        extra="forbid",
        # The error of one setting would quote others, and one of those is the key.
        hide_input_in_errors=True,
        protected_namespaces=(),
        validate_assignment=True,
    )

    gateway: str | InstanceOf[Gateway] | None = None
    """A name from `GATEWAYS`, or a `Gateway`. None: by the host of `base_url`, by `QWEN36_GATEWAY`,
    or by the first key that is set."""
    base_url: str | None = None
    """The server's URL, as the chat model takes it."""
    api_key: ApiKey | str | None = None
    """The key, or a function that returns it. None: the gateway's environment variable."""
    timeout: Any = None
    """Seconds for each silence, `Timeouts` to set each clock, or what httpx takes."""
    max_retries: int = Field(default=2, ge=0)
    """How often a failed request is sent again."""
    default_headers: Mapping[str, str] | None = Field(default=None, exclude=True, repr=False)
    """Headers of every request."""
    default_query: Mapping[str, str] | None = Field(default=None, exclude=True, repr=False)
    """Query parameters of every request."""
    http_client: Any = Field(default=None, exclude=True, repr=False)
    """Your own `httpx.Client`; you close it."""
    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    """Your own `httpx.AsyncClient`; you close it."""
    max_connections: int = Field(default=1000, ge=1)
    """Most connections to the gateway, of this process and of each event loop; shared with the
    models."""
    proxy: str | None = Field(default=None, exclude=True, repr=False)
    """A proxy's URL, or its `host:port`. None: the environment's; "": none at all."""

    if not TYPE_CHECKING:  # type checkers read the fields

        def __init__(self, **settings: Any) -> None:
            """Check the names, and that the endpoint can be chosen.

            Raises:
                TypeError: a keyword that is no setting; the message names the right one.
                MissingKeyError: no gateway can be chosen, or its key is not set.
                UnsupportedSettingError: an unknown gateway, or one without a base URL; a key or a
                    header that cannot be sent.
            """
            hide_secrets(settings)
            _check_names(type(self), settings)
            super().__init__(**settings)
            self._check_settings()

    def _check_settings(self) -> None:
        """Refuse wrong settings at construction; pydantic's validators would wrap the errors."""
        endpoint = self._endpoint
        check_headers(self.default_headers)
        check_clients(self)
        check_api_key(self, endpoint)
        timeouts_of(self.timeout, endpoint.gateway)

    @field_validator("api_key", mode="before")
    @classmethod
    def _hide_key(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            raise ValueError("`api_key` is empty: pass a key, or None to use the variable.")
        return SecretStr(value) if isinstance(value, str) else value

    @field_validator("proxy", mode="after")
    @classmethod
    def _check_proxy(cls, proxy: str | None) -> str | None:
        if not proxy:
            return proxy
        from langchain_qwen36._transport.proxies import parse_proxy  # noqa: PLC0415, imports httpx

        return parse_proxy(proxy)

    @property
    def _endpoint(self) -> Endpoint:
        return resolve_endpoint(self)

    def _call(self, request: ClientRequest) -> ApiCall:
        """Return the HTTP call of a request, for a sync client."""
        endpoint = ensure_engine_running(self._endpoint)
        return self._api_call(request, endpoint, sync_api_key(self, endpoint))

    async def _acall(self, request: ClientRequest) -> ApiCall:
        """Return the HTTP call of a request, for an async client."""
        endpoint = self._endpoint
        if endpoint.gateway.embedded:
            import asyncio  # noqa: PLC0415

            endpoint = await asyncio.to_thread(ensure_engine_running, endpoint)
        return self._api_call(request, endpoint, await async_api_key(self, endpoint))

    def _api_call(
        self, request: ClientRequest, endpoint: Endpoint, key: SecretStr | None
    ) -> ApiCall:
        url = request.url or f"{endpoint.base_url}/{request.path}"
        if request.is_foreign:
            # A foreign server gets neither the gateway's key nor the user's headers.
            headers = {"accept": "*/*", **request.headers}
        else:
            url = url_with_query(url, self.default_query, request.query)
            headers = dict(headers_of(self, key, request.headers))
        retries = self.max_retries if request.max_retries is None else request.max_retries
        return ApiCall(
            target=target_of(
                self, endpoint, url, headers, request.method, is_foreign=request.is_foreign
            ),
            body=request.body,
            gateway=endpoint.gateway,
            model=request.model,
            timeouts=timeouts_of(self.timeout, endpoint.gateway),
            max_retries=retries,
            is_stream=False,
            check=endpoint.check,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientRequest:
    """One request of a client."""

    path: str = ""
    """Path behind the base URL, without a slash in front."""
    method: Method = "POST"
    query: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: RequestBody = b""
    model: str = ""
    """The model's name in the log."""
    url: str | None = None
    """A URL in place of base URL and path."""
    is_foreign: bool = False
    """Whether `url` is another server's, not the gateway's: no key goes there."""
    max_retries: int | None = None
    """Retries in place of the client's setting."""


def _check_names(client: type[ClientSettings], settings: Mapping[str, Any]) -> None:
    known = frozenset(client.model_fields)
    if unknown := sorted(settings.keys() - known):
        raise TypeError(
            "; ".join(unknown_setting(name, known, client.__name__) for name in unknown)
        )
