"""Chains of prompt, model and parser: in parallel, in a batch, streamed.

With a gateway's key set: python examples/lcel_chain.py
With none, on a tiny model: QWEN36_GATEWAY=local python examples/lcel_chain.py
"""

from __future__ import annotations

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableParallel

from langchain_qwen36 import ChatQwen36

model = ChatQwen36(model="qwen3.6-flash", enable_thinking=False, max_tokens=60)

about_capital = ChatPromptTemplate.from_template("In one sentence: the capital of {country}?")
about_food = ChatPromptTemplate.from_template("In one sentence: a dish from {country}?")
capital = about_capital | model | StrOutputParser()
food = about_food | model | StrOutputParser()

print("both at once:", RunnableParallel(capital=capital, food=food).invoke({"country": "France"}))

for answer in capital.batch([{"country": "Italy"}, {"country": "Japan"}]):
    print("one of a batch:", answer)

print("streamed: ", end="")
for piece in capital.stream({"country": "Spain"}):
    print(piece, end="", flush=True)
print()
