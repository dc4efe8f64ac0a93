"""`ChatQwen36`: the LangChain chat model for Qwen3.6."""
