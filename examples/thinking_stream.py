"""Thoughts, dimmed, and the answer as they come; then the same question without thinking.

With a gateway's key set: python examples/thinking_stream.py
With none, on a tiny model: QWEN36_GATEWAY=local python examples/thinking_stream.py
"""

from __future__ import annotations

from langchain_qwen36 import ChatQwen36, get_qwen_cost_callback

QUESTION = "What is the largest planet?"
DIM, PLAIN = "\033[2m", "\033[0m"

model = ChatQwen36(model="qwen3.6-plus", thinking_budget=500)

for thinks in (True, False):
    print(f"enable_thinking={thinks}", end="")
    kind = None
    with get_qwen_cost_callback() as cb:
        for chunk in model.stream(QUESTION, enable_thinking=thinks):
            for block in chunk.content_blocks:
                if block["type"] != kind:
                    kind = block["type"]
                    print()
                if block["type"] == "reasoning":
                    print(f"{DIM}{block['reasoning']}{PLAIN}", end="", flush=True)
                elif block["type"] == "text":
                    print(block["text"], end="", flush=True)
    print(f"\n{cb}\n")
