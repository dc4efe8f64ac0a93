"""Let the server search the web, and see what it says of its sources.

With a gateway's key set that has a search of its own (DASHSCOPE_API_KEY or AIMLAPI_API_KEY):
python examples/search.py
"""

from __future__ import annotations

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.errors import UnsupportedSettingError

QUESTION = "What is the weather in Hangzhou today?"

model = ChatQwen36(model="qwen3.6-flash", enable_search=True)

answer = model.stream_events(QUESTION, version="v3")
for piece in answer.text:
    print(piece, end="", flush=True)
print()

message = answer.output
for block in message.content_blocks:
    if block["type"] == "text":
        for source in block.get("annotations", []):
            if source["type"] == "citation":
                print("source:", source.get("title"), source.get("url"))
cost = message.response_metadata["cost"]
print(f"cost: {cost['total']:.6f} {cost['currency']}, and the search, which is billed by the call")

try:
    # Its strategies, like every limit, are known before anything is sent.
    model.invoke(QUESTION, search_options={"search_strategy": "deep"})
except UnsupportedSettingError as error:
    print("refused:", error)
