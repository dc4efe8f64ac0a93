"""Suggest what to write in place of a setting that has another name here.

A table by name comes first: settings of `ChatOpenAI`, `ChatTongyi`, `ChatQwen`, `ChatOpenRouter`,
`ChatOllama` and of OpenAI's API that have another name here, or do not exist. Spelling distance
only helps with slips, and never suggests `extra_body` for a key: its values are sent and logged.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from langchain_qwen36.gateways import GATEWAYS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_RENAMED: Mapping[str, str] = {
    "openai_api_base": "base_url",
    "endpoint": "base_url",
    "host": "base_url",
    "url": "base_url",
    "api_url": "base_url",
    "server_url": "base_url",
    "azure_endpoint": "base_url",
    "anthropic_api_url": "base_url",
    "model_id": "model",
    "deployment_name": "model",
    "engine": "model",
    "azure_deployment": "model",
    "repo_id": "model",
    "modelname": "model",
    "temp": "temperature",
    "openai_proxy": "proxy",
    "anthropic_proxy": "proxy",
    "proxies": "proxy",
    "model_provider": "gateway",
    "providers": "provider",
    "route": "models",
    "headers": "default_headers",
    "extra_headers": "default_headers",
    "query": "default_query",
    "extra_query": "default_query",
    "user_id": "user",
    "use_thinking": "enable_thinking",
    "think": "enable_thinking",
    "enable_reasoning": "enable_thinking",
    "thinking_tokens": "thinking_budget",
    "max_thinking_tokens": "thinking_budget",
    "reasoning_budget": "thinking_budget",
    "effort": "reasoning_effort",
    "thinking_level": "reasoning_effort",
    "num_predict": "max_tokens",
    "max_new_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "max_tokens_to_sample": "max_tokens",
    "repeat_penalty": "repetition_penalty",
    "num_retries": "max_retries",
    "retries": "max_retries",
    "retry": "max_retries",
    "callback_manager": "callbacks",
    "safety_identifier": "user",
    "format": "response_format",
    "search": "enable_search",
    "web_search": "enable_search",
    "web_search_options": "enable_search",
    "max_connection": "max_connections",
    "async_http_client": "http_async_client",
}
"""Our name, by another class's name."""

_CLIENTS = "pass your own `http_client=` and `http_async_client=`."
_CLOCKS = "pass `timeout=Timeouts(connect=..., gap=...)`, or seconds."
_PROMPT = "put a SystemMessage in front of the messages, or pass it to `create_agent`."
_STRUCTURE = "pass it to `with_structured_output(...)`."
_WINDOW = "pass `profile={'max_input_tokens': ...}`."

_ELSEWHERE: Mapping[str, str] = {
    "thinking": "it is 'enable_thinking' here, True or False; its `budget_tokens` is "
    "'thinking_budget'.",
    "thinking_config": "it is `enable_thinking=` and `thinking_budget=` here.",
    "disable_thinking": "it is `enable_thinking=False` here.",
    "no_think": "it is `enable_thinking=False` here.",
    "include_thoughts": "thoughts always come, in `content_blocks`: leave it out.",
    "include_reasoning": "thoughts always come, in `content_blocks`: leave it out.",
    "return_reasoning": "thoughts always come, in `content_blocks`: leave it out.",
    "exclude_reasoning": "thoughts always come, in `content_blocks`: leave it out.",
    "reasoning_format": "thoughts always come, in `content_blocks`: leave it out.",
    "reasoning_split": "thoughts always come, in `content_blocks`: leave it out.",
    "system": _PROMPT,
    "system_prompt": _PROMPT,
    "system_message": _PROMPT,
    "system_instruction": _PROMPT,
    "prompt": _PROMPT,
    "messages": "pass them to `invoke(...)`.",
    "strict": "pass it to `bind_tools(...)` or `with_structured_output(...)`.",
    "method": _STRUCTURE,
    "include_raw": _STRUCTURE,
    "structured_output_method": "pass `method=` to `with_structured_output(...)`.",
    "json_mode": "pass `response_format={'type': 'json_object'}`.",
    "verify": _CLIENTS,
    "verify_ssl": _CLIENTS,
    "ssl_verify": _CLIENTS,
    "cert": _CLIENTS,
    "sync_client_kwargs": _CLIENTS,
    "async_client_kwargs": _CLIENTS,
    "connect_timeout": _CLOCKS,
    "read_timeout": _CLOCKS,
    "write_timeout": _CLOCKS,
    "max_concurrency": "pass `config={'max_concurrency': ...}` to `batch(...)`.",
    "max_parallel_requests": "pass `config={'max_concurrency': ...}` to `batch(...)`.",
    "requests_per_second": "pass `rate_limiter=InMemoryRateLimiter(requests_per_second=...)`.",
    "max_input_tokens": _WINDOW,
    "context_window": _WINDOW,
    "context_length": _WINDOW,
    "max_model_len": "the window is set where the server is started.",
    "tokenizer": "tokens are counted with Qwen's own tokenizer (extra `tokenizer`).",
    "token_counter": "pass the model itself as the `token_counter` of `trim_messages`.",
    "api_version": "Qwen's gateways have no versions of this kind: leave it out.",
    "openai_api_version": "Qwen's gateways have no versions of this kind: leave it out.",
    "openai_api_type": "a gateway is named by `gateway=`: leave it out.",
    "betas": "they belong to Anthropic's API: leave it out.",
    "mcp_servers": "load their tools with langchain-mcp-adapters, and bind those.",
    "site_url": "pass `default_headers={'HTTP-Referer': ...}`.",
    "http_referer": "pass `default_headers={'HTTP-Referer': ...}`.",
    "site_name": "pass `default_headers={'X-Title': ...}`.",
    "prompt_cache_retention": 'mark prompts for the cache with `prompt_cache="auto"`.',
    "asr_options": "pass `extra_body={'asr_options': {...}}`.",
    "functions": "bind tools with `bind_tools(...)`, or pass `functions=` to one call.",
    "function_call": "pass `tool_choice=` to `bind_tools(...)`, or `function_call=` to one call.",
    "tools": "bind tools with `model.bind_tools(...)`.",
    "tool_choice": "pass it to `model.bind_tools(..., tool_choice=...)`.",
    "organization": "Qwen's gateways have no organizations: leave it out.",
    "openai_organization": "Qwen's gateways have no organizations: leave it out.",
    "use_responses_api": "only Chat Completions is spoken here: leave it out.",
    "use_previous_response_id": "only Chat Completions is spoken here: leave it out.",
    "store": "Chat Completions of Qwen's gateways stores nothing: leave it out.",
    "truncation": "it belongs to the Responses API: trim messages with `trim_messages`.",
    "include": "it belongs to the Responses API: leave it out.",
    "context_management": "it belongs to the Responses API: use an agent's middleware.",
    "verbosity": "Qwen has no such setting: ask for short answers in the prompt.",
    "service_tier": "pass it in `extra_body={'service_tier': ...}` where the gateway has tiers.",
    "disabled_params": "a parameter is left out by not setting it (None).",
    "tiktoken_model_name": "tokens are counted with Qwen's own tokenizer (extra `tokenizer`).",
    "stream_chunk_timeout": "it is `timeout=Timeouts(gap=seconds)`.",
    "http_socket_options": _CLIENTS,
    "prompt_cache_options": 'mark prompts for the cache with `prompt_cache="auto"`.',
    "prompt_cache_key": "the explicit cache has no keys: use `prompt_cache=`.",
    "cache_control": 'mark prompts for the cache with `prompt_cache="auto"`.',
    "app_url": "pass `default_headers={'HTTP-Referer': ...}`.",
    "app_title": "pass `default_headers={'X-Title': ...}`.",
    "app_categories": "pass them in `default_headers={...}`.",
    "session_id": "pass `extra_body={'session_id': ...}` where the gateway groups by it.",
    "trace": "pass `extra_body={'trace': ...}` where the gateway keeps it.",
    "region": "a region is a gateway of its own: pass the one that ends in it as `gateway=`.",
    "num_ctx": "the window is set where the server is started.",
    "keep_alive": "how long a model stays loaded is set where the server is started.",
    "num_gpu": "it is set where the server is started.",
    "num_thread": "it is set where the server is started.",
    "mirostat": "the server's own sampling settings go into `extra_body={...}`.",
    "mirostat_eta": "the server's own sampling settings go into `extra_body={...}`.",
    "mirostat_tau": "the server's own sampling settings go into `extra_body={...}`.",
    "repeat_last_n": "the server's own sampling settings go into `extra_body={...}`.",
    "tfs_z": "the server's own sampling settings go into `extra_body={...}`.",
    "client_kwargs": _CLIENTS,
    "validate_model_on_init": "models are checked by `python -m langchain_qwen36 doctor`.",
    "prefix_messages": "put the messages in front of those that you pass to `invoke`.",
    "client": _CLIENTS,
    "async_client": "pass your own `http_async_client=`.",
    "root_client": "pass your own `http_client=`.",
    "root_async_client": "pass your own `http_async_client=`.",
    "incremental_output": "streams are always incremental here: leave it out.",
    "result_format": "answers always come as messages here: leave it out.",
    "chat_template_kwargs": "pass `extra_body={'chat_template_kwargs': {...}}`.",
    "guided_json": "use `with_structured_output(..., method='json_schema')`.",
    "modalities": "pass `extra_body={'modalities': [...]}`.",
    "n_ctx": "the window is set where the server is started.",
}
"""What to do here, by another class's setting; the sentence follows a colon."""

_KEY = re.compile(
    r"(?:^|_|api)key$|(?:^|_)(?:secret|password|credentials?)$|^token$"
    r"|(?:^|_)(?:api|access|auth|bearer)_?token$|^bearer$"
)


def unknown_setting(name: str, known: Collection[str], receiver: str) -> str:
    """Write the error for a setting that `receiver` does not have.

    Args:
        name: The unknown name.
        known: The names that are accepted.
        receiver: What refuses the setting, such as `ChatQwen36` or `The call`.
    """
    return f"{receiver} got an unexpected keyword {name!r}: {_hint(name, known)}"


def _without_gateway(name: str) -> str | None:
    """Return a setting's name without the gateway's name that another class puts in front."""
    first, _, rest = name.partition("_")
    return rest if any(gateway.split("-")[0] == first for gateway in GATEWAYS) else None


def _hint(name: str, known: Collection[str]) -> str:
    lower = name.lower()
    renamed = _RENAMED.get(lower) or _without_gateway(lower)
    if renamed in known:
        return f"it is called {renamed!r} here."
    if lower in _ELSEWHERE:
        return _ELSEWHERE[lower]
    if _KEY.search(lower):
        return "did you mean 'api_key'? It is given to the constructor, or in a variable."
    if near := difflib.get_close_matches(lower, known, n=1, cutoff=0.75):
        return f"did you mean {near[0]!r}?"
    return "pass parameters of the gateway's own API in `extra_body`."
