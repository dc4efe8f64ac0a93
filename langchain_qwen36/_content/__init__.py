"""Read messages and content blocks: what a message says, once for all callers."""
