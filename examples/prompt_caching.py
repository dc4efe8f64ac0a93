"""Two questions about one long document: it is paid in full once, then read at a tenth.

With a gateway's key set (DASHSCOPE_API_KEY, OPENROUTER_API_KEY, …):
python examples/prompt_caching.py
"""

from __future__ import annotations

from decimal import Decimal

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from langchain_qwen36 import ChatQwen36

RULE = "Rule {n}: an order of class {n} is delivered within {days} days, else {fee} euros are due."
DOCUMENT = "\n".join(RULE.format(n=n, days=n % 9 + 2, fee=n * 5) for n in range(1, 201))
QUESTIONS = ("How long may an order of class 17 take?", "And what is due when it comes late?")

model = ChatQwen36(model="qwen3.6-plus", prompt_cache="auto", enable_thinking=False)

history: list[BaseMessage] = [SystemMessage(f"Answer from these rules only.\n{DOCUMENT}")]
saved = Decimal(0)
for question in QUESTIONS:
    history.append(HumanMessage(question))
    answer = model.invoke(history)
    history.append(answer)
    cost = answer.response_metadata["cost"]
    saved += Decimal(str(cost["cache_saved"]))
    print(f"{question} {answer.text[:60]}")
    print(f"  {cost['cache_write']:.6f} to write the cache, {cost['cache_read']:.6f} to read it")
    print(f"  {cost['total']:.6f} {cost['currency']} in all, saved {cost['cache_saved']:+.6f}")

print(f"saved in all: {saved} {cost['currency']}")
