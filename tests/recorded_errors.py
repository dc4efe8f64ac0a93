"""The recordings that are errors, with the error that each must raise."""

from __future__ import annotations

from typing import Any, NamedTuple

from recordings import RECORDINGS

from langchain_qwen36.errors import (
    AuthenticationError,
    ContextOverflowError,
    InvalidRequestError,
    NotFoundError,
    QwenError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
    UnexpectedResponseError,
)


class Refused(NamedTuple):
    """A recording that is an error, and how it must come out."""

    error: type[QwenError]
    status: int | None
    message: str
    attempts: int = 1
    """How many requests are sent; a stream that gave something out is never asked again."""


REFUSED = {
    "dashscope/err-400-malformed-tool-arguments.json": Refused(
        InvalidRequestError, 400, '"function.arguments" parameter of the code model must be in JSON'
    ),
    "dashscope/http200-not-a-completion.json": Refused(
        UnexpectedResponseError, 200, 'no chat completion, but with \'{"message":"Success"}\''
    ),
    "dashscope-native/native-tool-json.json": Refused(
        UnexpectedResponseError, 200, "answered with no chat completion"
    ),
    "dashscope-native/err-401.json": Refused(AuthenticationError, 401, "Invalid API-key provided."),
    "openrouter/err-qwen3-14b-free--multi-tool.json": Refused(
        NotFoundError, 404, "No endpoints found that support tool use."
    ),
    "openrouter/err-429-json.json": Refused(
        RateLimitError, 429, "is temporarily rate-limited upstream", attempts=3
    ),
    "openrouter/err-400-reasoning-off-refused.json": Refused(
        InvalidRequestError, 400, "'none' is not supported with the 'o3-2025-04-16' model."
    ),
    "openrouter/err-400-bad-model.json": Refused(
        InvalidRequestError, 400, "is not a valid model ID"
    ),
    "vercel-gateway/err-404-model.json": Refused(
        NotFoundError, 404, "Model 'invalid-provider/invalid-model' not found"
    ),
    "groq/err-in-stream-tool-use-failed.sse": Refused(
        InvalidRequestError, 400, "parameters for tool get_something_by_name did not match schema"
    ),
    "groq/err-400-tool-use-failed.json": Refused(
        InvalidRequestError, 400, "parameters for tool get_something_by_name did not match schema"
    ),
    "groq/err-404-model.json": Refused(
        NotFoundError, 404, "`groq-nonexistent-model-for-identity-edge` does not exist"
    ),
    "hf-router/err-422-string-error.json": Refused(
        InvalidRequestError, 422, "Template error: template not found"
    ),
    "venice/error-envelope--nonexistent-model-streaming-error-preserves-status-and-body.json": (
        Refused(NotFoundError, 404, "Specified model not found: venice-nonexistent-rig-test.")
    ),
    "llamacpp/error-matrix--missing-api-key-is-401.json": Refused(
        AuthenticationError, 401, "Invalid API Key"
    ),
    "llamacpp/error-matrix--tools-without-jinja.json": Refused(
        InvalidRequestError, 500, "tools param requires --jinja flag"
    ),
    "llamacpp/error-matrix--malformed-request-field.json": Refused(
        InvalidRequestError, 400, "type must be number, but is string"
    ),
    "llamacpp/multimodal-matrix--video-part-is-refused.json": Refused(
        InvalidRequestError, 400, "unsupported content[].type"
    ),
    "hyperbolic/err-422-fastapi.json": Refused(
        InvalidRequestError, 422, "body.messages: Field required"
    ),
    **{
        f"vllm-0.32/qwen3_coder--{name}{style}.json": refused
        for style in ("", "-stream")
        for name, refused in {
            "n2": Refused(InvalidRequestError, 400, "n must be 1 when using greedy sampling"),
            "err-context": Refused(
                ContextOverflowError, 400, "your prompt contains at least 8193 input tokens"
            ),
            "err-model": Refused(NotFoundError, 404, "The model `nope` does not exist."),
            "err-tool-choice-without-tools": Refused(
                InvalidRequestError, 400, "When using `tool_choice`, `tools` must be set."
            ),
        }.items()
    },
    "deepseek/err-400-context-length.json": Refused(
        ContextOverflowError, 400, "maximum context length is 1048565 tokens"
    ),
    "gpustack/qwen3-thinking-stream-error-field.sse": Refused(
        ServerError, None, "failed to decode, try again"
    ),
    "vllm/clean-eof-mid-answer-no-finish.sse": Refused(
        StreamInterruptedError, None, "ended early, after 548 chunks"
    ),
    "issue-excerpts/vllm-qwen3-14b-toolcall-tag-in-content.sse": Refused(
        StreamInterruptedError, None, "ended early, after 5 chunks"
    ),
    "issue-excerpts/aliyun-proxy-qwen35-35b-delta-and-message.sse": Refused(
        StreamInterruptedError, None, "ended early, after 2 chunks"
    ),
}
LEFT_OVER = {
    "text": "The capital of France is Paris.",
    "thoughts": ("The user asks about the capital ofThe user asks about the capital of France."),
}
BY_HAND: dict[str, dict[str, Any]] = {
    # The server never said why it ended: [DONE], or the body's end, makes it an end all the same.
    "openrouter/crew-deepseek-r1-finish-null.json": {"finish": "stop"},
    "openrouter/tool-stream-no-finish-reason-novita.sse": {"finish": "tool_calls"},
    # A forced call ends in "stop" at vLLM, as in OpenAI's API: a call is a call.
    "vllm-0.32/qwen3_coder--tool-named.json": {"finish": "tool_calls"},
    "vllm-0.32/qwen3_coder--tool-named-stream.sse": {"finish": "tool_calls"},
    # Line breaks before a call, and the closing tag that a thinking budget leaves, are no answer.
    "openrouter/qwen3-235b-parallel-tools-stream-atlascloud.sse": {"text": ""},
    "openrouter/qwen3-235b-parallel-tools-stream-deepinfra.sse": {"text": ""},
    "openrouter/qwen3-235b-parallel-tools.json": {"text": ""},
    "doubleword/prompt-caching--agent-loop.json": {"text": ""},
    "llamacpp/budget-cut-then-forced-tool-call-stream.sse": {"text": ""},
    "llamacpp/budget-cut-then-tool-call.json": {"text": ""},
    "llamacpp/budget-cut-leaves-think-tag-in-content.json": LEFT_OVER,
    "llamacpp/budget-cut-leaves-think-tag-in-content-stream.sse": LEFT_OVER,
    # All a server counted was zeros, as one does whose answer came out of its cache.
    "issue-excerpts/aliyun-proxy-qwen35-35b-delta-and-message.sse": {
        "usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    },
    "openrouter/video-input.json": {
        "usage": {
            "input_tokens": 280,
            "output_tokens": 61,
            "total_tokens": 341,
            "input_token_details": {"cache_read": 0, "cache_creation": 0, "video": 258},
            "output_token_details": {"reasoning": 0},
        }
    },
}
"""What the plain reading of the bytes does not give, and why it is right all the same."""
ANSWERED = [file for file in RECORDINGS if file not in REFUSED]
