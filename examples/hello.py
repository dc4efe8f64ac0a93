"""One question: the thoughts, the answer, what it cost.

With a gateway's key set (DASHSCOPE_API_KEY, OPENROUTER_API_KEY, …): python examples/hello.py
With none, on a tiny model: QWEN36_GATEWAY=local python examples/hello.py
"""

from __future__ import annotations

from langchain_qwen36 import ChatQwen36, get_qwen_cost_callback

model = ChatQwen36(model="qwen3.6-plus")

with get_qwen_cost_callback() as cb:
    message = model.invoke("What is the capital of France?")

print("thoughts:", message.additional_kwargs.get("reasoning_content"))
print("answer:", message.text)
print("cost:", cb)
