"""Convert LangChain messages and options to a Chat Completions request body."""
