"""What is asked of every server about answers and thinking: each function returns what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from observe import attempt, describe, in_every_style
from scripted import ScriptedModel
from tool_behaviors import get_weather

from langchain_qwen36 import ChatQwen36

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from observe import Chat


def chat(chat: Chat) -> str:
    """A question, thinking on."""
    return in_every_style(chat(), "Hello")


def thinking_off(chat: Chat) -> str:
    """`enable_thinking=False`."""
    return in_every_style(chat(enable_thinking=False), "Hello")


def thinking_budget(chat: Chat) -> str:
    """`thinking_budget=2`."""
    return in_every_style(chat(thinking_budget=2), "Hello")


def effort_none(chat: Chat) -> str:
    """`reasoning_effort="none"`."""
    return in_every_style(chat(reasoning_effort="none"), "Hello")


def effort_low(chat: Chat) -> str:
    """`reasoning_effort="low"`."""
    return in_every_style(chat(reasoning_effort="low"), "Hello")


def reasoning_sent_back(chat: Chat) -> str:
    """Within a tool loop: whether the prompt grows by the reasoning before the call."""
    call = {"name": "get_weather", "args": {"city": "Paris"}, "id": "call_1"}
    history = [
        HumanMessage("weather in Paris"),
        AIMessage("", tool_calls=[call], additional_kwargs={"reasoning_content": "word " * 200}),
        ToolMessage("18 degrees", tool_call_id="call_1"),
    ]
    return _in_the_prompt(chat(), chat(replay_reasoning="never"), history)


def preserve_thinking(chat: Chat) -> str:
    """`preserve_thinking=True`: whether the prompt grows by the reasoning of earlier turns."""
    history = [
        HumanMessage("Hello"),
        AIMessage("Hi", additional_kwargs={"reasoning_content": "word " * 200}),
        HumanMessage("Hello"),
    ]
    return _in_the_prompt(chat(preserve_thinking=True), chat(replay_reasoning="never"), history)


def _in_the_prompt(with_it: Any, without: Any, history: list[BaseMessage]) -> str:
    sizes = [
        model.bind_tools([get_weather]).invoke(history).usage_metadata["input_tokens"]
        for model in (with_it, without)
    ]
    return "the prompt holds it" if sizes[0] > sizes[1] + 200 else "not in the prompt"


def long_conversation(chat: Chat) -> str:
    """Six turns of an agent that keeps all messages, the last of them."""
    model, history = chat().bind_tools([get_weather]), []
    for _ in range(3):
        history += [HumanMessage("weather in Paris")]
        history += [asked := model.invoke(history)]
        history += [
            ToolMessage(get_weather(**call["args"]), tool_call_id=call["id"])
            for call in asked.tool_calls
        ]
        history += [model.invoke(history)]
    return describe(history[-1])


def system_messages(chat: Chat) -> str:
    """A second system message, which Qwen's template refuses."""
    messages = [SystemMessage("Be kind."), HumanMessage("Hello"), SystemMessage("Be brief.")]
    return attempt(lambda: describe(chat().invoke([*messages, HumanMessage("Hello")])))


def empty_question(chat: Chat) -> str:
    """A user message without text."""
    return in_every_style(chat(), [HumanMessage("")])


def silent_answer(chat: Chat) -> str:
    """The model ends at once."""
    return in_every_style(chat(), "be silent")


def cut_characters(chat: Chat) -> str:
    """An emoji and a Chinese character, each byte of which is a token."""
    return in_every_style(chat(), "party")


def many_at_once(chat: Chat) -> str:
    """Twenty questions of four kinds in one batch: whether each gets its own answer."""
    questions = ["Hello", "party", "a lone tag", "Describe Paris"] * 5
    answers = [describe(answer) for answer in chat().batch(questions)]
    distinct = [set(answers[kind::4]) for kind in range(4)]
    alone = [{describe(chat().invoke(question))} for question in questions[:4]]
    return "each its own" if distinct == alone else f"{distinct} where alone {alone}"


def logprobs(chat: Chat) -> str:
    """`logprobs=True`: for how many tokens they come, without a tool and with a call."""

    def ask(model: Any, question: str) -> str:
        found = model.invoke(question).response_metadata.get("logprobs")
        return "none" if not found else f"for {len(found['content'])} tokens"

    model = chat(logprobs=True, top_logprobs=1)
    plain = attempt(lambda: ask(model, "Hello"))
    calling = attempt(lambda: ask(model.bind_tools([get_weather]), "weather in Paris"))
    return f"{plain}, {calling}"


def two_choices(chat: Chat) -> str:
    """`n=2`."""

    def ask() -> str:
        result = chat(n=2, temperature=0.1).generate([[HumanMessage("Hello")]])
        return " | ".join(describe(choice.message) for choice in result.generations[0])

    return attempt(ask)


def stop(chat: Chat) -> str:
    """`stop=["my"]`, a word of the answer."""
    return in_every_style(chat(), "Hello", stop=["my"])


def stop_in_reasoning(chat: Chat) -> str:
    """`stop=["greets"]`, a word of the reasoning."""
    return in_every_style(chat(), "Hello", stop=["greets"])


def seed(chat: Chat) -> str:
    """`seed=7`."""
    return attempt(lambda: describe(chat(seed=7).invoke("Hello")))


def long_answer(chat: Chat) -> str:
    """800 tokens."""
    return in_every_style(chat(enable_thinking=False), "Count")


def models(chat: Chat) -> str:
    """`list_models`: whether the served model is listed."""
    endpoint = chat.endpoint

    def ask() -> str:
        listed = ChatQwen36.list_models(
            gateway=chat.gateway, base_url=endpoint.base_url, api_key=endpoint.api_key
        )
        return "listed" if endpoint.model in {model.id for model in listed} else f"{listed}"

    return attempt(ask)


def usage(chat: Chat) -> str:
    """Whether the counted tokens are those of the script."""
    message = chat().invoke("Hello")
    script = ScriptedModel("xml").steps["hello"][0][1]
    counted = message.usage_metadata["output_tokens"]
    return "as many as the script has" if counted == len(script) else f"{counted} of {len(script)}"
