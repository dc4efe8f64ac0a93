"""A workflow that waits for a person: stopped, kept in SQLite, and gone on with by another process.

It needs: pip install "langchain-qwen36[agents]" langgraph-checkpoint-sqlite
With a gateway's key set: python examples/langgraph_checkpoint.py
With none, on a tiny model: QWEN36_GATEWAY=local python examples/langgraph_checkpoint.py
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import MessagesState, StateGraph
from langgraph.types import Command, interrupt

from langchain_qwen36 import ChatQwen36

model = ChatQwen36(model="qwen3.6-plus", thinking_budget=500)
THREAD: Any = {"configurable": {"thread_id": "travel"}}


def write(state: MessagesState) -> dict[str, Any]:
    """Let the model go on with the conversation."""
    return {"messages": [model.invoke(state["messages"])]}


def review(state: MessagesState) -> dict[str, Any]:
    """Wait for a person's word on the draft."""
    return {"messages": [HumanMessage(interrupt(state["messages"][-1].text))]}


workflow = StateGraph(MessagesState)
workflow.add_sequence([("draft", write), ("review", review), ("revise", write)])
workflow.set_entry_point("draft")

with TemporaryDirectory() as folder:
    file = str(Path(folder) / "travel.sqlite")

    with SqliteSaver.from_conn_string(file) as saver:
        question = HumanMessage("Describe Paris in one sentence.")
        stopped = workflow.compile(saver).invoke({"messages": [question]}, THREAD)
        print("Waits with:", stopped["__interrupt__"][0].value)

    with SqliteSaver.from_conn_string(file) as saver:  # tomorrow, elsewhere
        done = workflow.compile(saver).invoke(Command(resume="Now describe Rome instead."), THREAD)
        for message in done["messages"]:
            print(f"{message.type}: {message.text}")
        thoughts = done["messages"][1].additional_kwargs.get("reasoning_content")
        print("thoughts, kept with the draft:", thoughts)
