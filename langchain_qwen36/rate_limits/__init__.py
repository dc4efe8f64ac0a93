"""Limits of requests and tokens per key that threads, processes and machines share."""

from langchain_qwen36.rate_limits.limiter import OnFailure, SharedRateLimiter

__all__ = ["OnFailure", "SharedRateLimiter"]
