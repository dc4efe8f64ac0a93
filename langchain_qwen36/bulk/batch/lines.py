"""Build the body of each request of a batch, and its line of JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from langchain_qwen36._request.build import to_bytes
from langchain_qwen36.errors import MessageError, UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from langchain_qwen36._request.types import Request
    from langchain_qwen36.catalog.batch_services import BatchService
    from langchain_qwen36.gateways import Gateway

ENDPOINT = "/v1/chat/completions"
_MAX_CUSTOM_ID = 256
_OF_STREAMS = ("stream", "stream_options", "tool_stream")


def batch_gateway(gateway: Gateway) -> Gateway:
    """Return the gateway's row changed for batch use: no streaming, no `cache_control`.

    See docs/quirks.md#what-a-batch-leaves-out.
    """
    return replace(gateway, non_streaming="never_stream", cache_control=False, stream_usage=False)


def batch_body(request: Request) -> dict[str, Any]:
    """Return the body of a request for a batch, without the fields of streams.

    For a model that can think, the body always sets the thinking switch explicitly.

    Raises:
        UnsupportedSettingError: It is not known whether the model will think.
    """
    body = {key: value for key, value in request.body.items() if key not in _OF_STREAMS}
    can_think = request.model is None or request.model.thinking != "never"
    if can_think and request.gateway.thinking == "enable_thinking":
        if (thinking := request.thinking) is None:
            raise UnsupportedSettingError(
                f"Whether {request.requested_model} thinks by itself is not known, and a batch "
                "bills thoughts that it does not return: set `enable_thinking` to True or False."
            )
        body.setdefault("enable_thinking", thinking)
    return body


def encode_line(custom_id: str, body: Mapping[str, Any], service: BatchService) -> bytes:
    """Return a request in the batch's form: a line of the file, or an item of the inline list.

    Raises:
        MessageError: The line is longer than the service takes, or JSON cannot hold the body.
    """
    if not custom_id or len(custom_id) > _MAX_CUSTOM_ID:
        raise MessageError(
            f"The id {custom_id[:40]!r} has {len(custom_id)} characters: 1 to {_MAX_CUSTOM_ID}."
        )
    if service.form == "inline":
        inner = {key: value for key, value in body.items() if key not in ("model", "provider")}
        line = to_bytes({"custom_id": custom_id, "body": inner})
    else:
        line = to_bytes(
            {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": dict(body)}
        )
    most = service.max_request_bytes
    if most is not None and len(line) > most:
        raise MessageError(
            f"The request {custom_id!r} is {len(line):,} bytes long in a batch, and "
            f"`gateway={service.gateway!r}` takes {most:,}: shorten it, send images as URLs, or "
            "run it live."
        )
    return line


def inline_submission(
    body: Mapping[str, Any], lines: Iterable[bytes], *, window: str, endpoint: str = ENDPOINT
) -> bytes:
    """Return the body that creates an inline batch.

    `requests` must be the last key because the gateway parses the body as a stream.

    Args:
        body: Any of the requests' bodies: all have one model and one provider.
        lines: The requests, by `encode_line`.
        window: How long the batch may take, such as `24h`.
        endpoint: The path of the API that the requests are for.
    """
    head: dict[str, Any] = {"endpoint": endpoint, "model": body["model"]}
    if only := (body.get("provider") or {}).get("only"):
        head["provider"] = {"only": only}
    head["completion_window"] = window
    return orjson.dumps(head)[:-1] + b',"requests":[' + b",".join(lines) + b"]}"


def mode_of(request: Request) -> tuple[str, bool | None]:
    """Return the values that all requests of one batch share: the model and whether it thinks."""
    return str(request.body["model"]), request.thinking
