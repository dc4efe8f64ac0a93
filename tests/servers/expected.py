"""What is expected of each server, behavior by behavior.

"*" is expected of all, "vllm" of both of its servers, "vllm-xml" of one.

What a server cannot do is the error's name. Reviewed by hand: a difference between call styles, or a call
that was not made whole, is a fault of ours unless a comment says whose it is.
"""

from __future__ import annotations

EXPECTED: dict[str, dict[str, str]] = {
    "chat": {
        "*": "reasoning 'The user greets me.', text 'Hello, my friend!', stop, 10 tokens",
    },
    "thinking_off": {
        "*": "text 'Hi, no thoughts?', stop, 4 tokens",
        "litellm": "UnsupportedSettingError",
    },
    "thinking_budget": {
        "*": "reasoning 'The user', text 'Hello, my friend!', stop, 8 tokens",
        "llamacpp-xml": "reasoning 'The user', text 'Hello, my friend!', stop, 9 tokens",
        "transformers": "InvalidRequestError",
        "litellm": "UnsupportedSettingError",
    },
    "effort_none": {
        "*": "text 'Hi, no thoughts?', stop, 4 tokens",
        "litellm": "UnsupportedSettingError",
    },
    "effort_low": {
        "*": "reasoning 'The user greets me.', text 'Hello, my friend!', stop, 10 tokens",
        "litellm": "UnsupportedSettingError",
        "transformers": "UnsupportedSettingError",
    },
    "reasoning_sent_back": {
        "*": "the prompt holds it",
        "transformers": "not in the prompt",
    },
    "preserve_thinking": {
        "*": "the prompt holds it",
        "transformers": "not in the prompt",
        "litellm": "not in the prompt",
    },
    "tools_auto": {
        "*": "reasoning 'I need a tool.', call get_weather({'city': 'Paris'}), tool_calls, 15 tokens",
    },
    "tools_any": {
        "*": "reasoning 'I need a tool.', call get_weather({'city': 'Paris'}), tool_calls, 15 tokens",
        "vllm": "reasoning 'I need a tool.', call get_weather({'city': 'Paris'}), tool_calls, 14 tokens",
    },
    "tools_by_name": {
        "*": "reasoning 'I need a tool.', call get_weather({'city': 'Paris'}), tool_calls, 15 tokens",
        "vllm": "reasoning 'I need a tool.', call get_weather({'city': 'Paris'}), tool_calls, 14 tokens",
    },
    "tools_none": {
        "*": "reasoning 'I need a tool.', text '<tool_call>\\n<function=get_weat…eter>\\n</function>\\n</tool_call>', stop, 15 tokens",
        "llamacpp-hermes": 'reasoning \'I need a tool.\', text \'<tool_call>\\n{"name": "get_weat…"city": "Paris"}}\\n</tool_call>\', stop, 15 tokens',
        "transformers": "reasoning 'I need a tool.', call get_weather({'city': 'Paris'}), tool_calls, 15 tokens",
        "vllm-hermes": 'reasoning \'I need a tool.\', text \'<tool_call>\\n{"name": "get_weat…"city": "Paris"}}\\n</tool_call>\', stop, 15 tokens',
        "vllm-xml": "reasoning 'I need a tool.', marked as empty, stop, 15 tokens",
    },
    "tools_parallel": {
        "*": "reasoning 'Both cities then.', call get_weather({'city': 'Paris'}), call get_weather({'city': 'Rome'}), tool_calls, 17 tokens",
    },
    "tools_without_thinking": {
        "*": "call get_weather({'city': 'Paris'}), tool_calls, 8 tokens",
        "litellm": "UnsupportedSettingError",
    },
    "call_inside_reasoning": {
        "*": "reasoning 'I call it now.', call get_weather({'city': 'Paris'}), tool_calls, 13 tokens",
        "llamacpp-hermes": 'reasoning \'I call it now.\\n<tool_call>\\n{"name": "get_weather", "arguments": {"city": "Paris"}}\\n</tool_call>\', marked as empty, stop, 13 tokens',
        "transformers": 'reasoning \'I call it now.\\n<tool_call>\\n{"name": "get_weather", "arguments": {"city": "Paris"}}\\n</tool_call><|im_end|>\', marked as empty, stop, 13 tokens',
    },
    "agent": {
        "*": "reasoning 'I need a tool.', call get_weather({'city': 'Paris'}), tool_calls, 15 tokens → tool '18 degrees in Paris' → reasoning 'The tool has answered me.', text 'It is 18 degrees in Paris today.', stop, 15 tokens",
    },
    "structured_function_calling": {
        "*": "{'city': 'Paris', 'population': 2100000}",
    },
    "structured_json_schema": {
        "*": "{'city': 'Paris', 'population': 2100000}",
    },
    "structured_json_mode": {
        "*": "{'city': 'Paris', 'population': 2100000}",
    },
    "logprobs": {
        "*": "for 10 tokens, for 15 tokens",
        "transformers": "none, none",
    },
    "two_choices": {
        "*": "reasoning 'The user greets me.', text 'Hello, my friend!', stop, 10 tokens | reasoning 'The user greets me.', text 'Hello, my friend!', stop, None tokens",
        "transformers": "reasoning 'The user greets me.', text 'Hello, my friend!', stop, 10 tokens",
        "vllm": "reasoning 'The user greets me.', text 'Hello, my friend!', stop, 20 tokens | reasoning 'The user greets me.', text 'Hello, my friend!', stop, None tokens",
    },
    "stop": {
        "*": "reasoning 'The user greets me.', text 'Hello,', stop, 8 tokens",
        "transformers": "reasoning 'The user greets me.', text 'Hello, my', stop, 8 tokens",
    },
    "seed": {
        "*": "reasoning 'The user greets me.', text 'Hello, my friend!', stop, 10 tokens",
    },
    "cut_in_reasoning": {
        "*": "reasoning 'The user greets', marked as empty, length, 4 tokens",
    },
    "cut_in_text": {
        "*": "text 'Hi, no', length, 2 tokens",
        "litellm": "UnsupportedSettingError",
    },
    "cut_in_call": {
        "*": "reasoning 'I need a tool.', invalid call get_weather, length, 10 tokens",
        "transformers": "invoke: ServerError; stream: reasoning 'I need a tool.', marked as empty, length, 10 tokens; events: reasoning 'I need a tool.', marked as empty, length, 10 tokens; ainvoke: ServerError; astream: reasoning 'I need a tool.', marked as empty, length, 10 tokens; aevents: reasoning 'I need a tool.', marked as empty, length, 10 tokens",
    },
    "lone_closing_tag": {
        "*": "reasoning 'Only a closing tag.', text 'The end.', stop, 8 tokens",
        "litellm": "text 'Only a closing tag.\\n</think>\\n\\nThe end.', stop, 8 tokens",
    },
    "long_answer": {
        "*": "text 'n0 n1 n2 n3 n4 n5 n6 n7 n8 n9 … n294 n295 n296 n297 n298 n299', length, 300 tokens",
        "litellm": "UnsupportedSettingError",
    },
    "client_leaves": {
        "*": "the server stops",
        "litellm": "UnsupportedSettingError",
        "transformers": "the server tells nobody",
    },
    "context_overflow": {
        "*": "ContextOverflowError",
        "transformers": "reasoning 'The user greets me.', text 'Hello, my friend!', stop, 10 tokens",  # which has no limit but memory
    },
    "unknown_model": {
        "*": "reasoning 'The user greets me.', text 'Hello, my friend!', stop, 10 tokens",
        "vllm": "NotFoundError",
        "litellm": "InvalidRequestError",
        "transformers": "InvalidRequestError",
    },
    "wrong_key": {
        "*": "AuthenticationError",
        "litellm": "InvalidRequestError",
        "transformers": "reasoning 'The user greets me.', text 'Hello, my friend!', stop, 10 tokens",
    },
    "bad_role": {
        "*": "reasoning 'The user greets me.', text 'Hello, my friend!', stop, 10 tokens",
    },
    "image_to_a_text_model": {
        "*": "InvalidRequestError",
        "transformers": "reasoning 'The user greets me.', text 'Hello, my friend!', stop, 10 tokens",  # which reads the text only
    },
    "long_conversation": {
        "*": "reasoning 'The tool has answered me.', text 'It is 18 degrees in Paris today.', stop, 15 tokens",
    },
    "system_messages": {
        "*": "reasoning 'The user greets me.', text 'Hello, my friend!', stop, 10 tokens",
        "litellm": "InvalidRequestError",
    },
    "empty_question": {
        "*": "reasoning 'The user greets me.', text 'Hello, my friend!', stop, 10 tokens",
    },
    "silent_answer": {
        "*": "stop, 1 tokens",
    },
    "cut_characters": {
        "*": "reasoning 'A party then.', text 'Party🎉中 now', stop, 15 tokens",
    },
    "many_at_once": {
        "*": "each its own",
    },
    "tools_not_parallel": {
        "*": "reasoning 'Both cities then.', call get_weather({'city': 'Paris'}), tool_calls",
        "llamacpp-hermes": "reasoning 'Both cities then.', call get_weather({'city': 'Paris'}), call get_weather({'city': 'Rome'}), tool_calls",
        "transformers": "reasoning 'Both cities then.', call get_weather({'city': 'Paris'}), call get_weather({'city': 'Rome'}), tool_calls",
    },
    "tools_strict": {
        "*": "reasoning 'I need a tool.', call get_weather({'city': 'Paris'}), tool_calls, 15 tokens",
    },
    "tools_twice": {
        "*": "reasoning 'I need a tool.', call get_weather({'city': 'Paris'}), tool_calls, 15 tokens | reasoning 'I need a tool.', call get_weather({'city': 'Paris'}), tool_calls, None tokens",
        "vllm": "reasoning 'I need a tool.', call get_weather({'city': 'Paris'}), tool_calls, 30 tokens | reasoning 'I need a tool.', call get_weather({'city': 'Paris'}), tool_calls, None tokens",
        "transformers": "reasoning 'I need a tool.', call get_weather({'city': 'Paris'}), tool_calls, 15 tokens",
    },
    "tool_result_as_list": {
        "*": "reasoning 'The tool has answered me.', text 'It is 18 degrees in Paris today.', stop, 15 tokens",
    },
    "structured_with_reasoning": {
        "*": "{'city': 'Paris', 'population': 2100000} of reasoning 'A city in JSON.', text '{\"city\": \"Paris\", \"population\": 2100000}', stop, 11 tokens",
    },
    "schema_of_no_type": {
        "*": "InvalidRequestError",
        "vllm": "reasoning 'I need a tool.', call get_weather({'city': 'Paris'}), tool_calls, 14 tokens",
        "transformers": "reasoning 'I need a tool.', call get_weather({'city': 'Paris'}), tool_calls, 15 tokens",
    },
    "stop_in_reasoning": {
        "*": "reasoning 'The user', marked as empty, stop, 4 tokens",
        "transformers": "reasoning 'The user greets', marked as empty, stop, 4 tokens",
    },
    "bad_setting": {
        "*": "InvalidRequestError",
        "llamacpp": "reasoning 'The user greets me.', text 'Hello, my friend!', stop, 10 tokens",
        "litellm": "reasoning 'The user greets me.', text 'Hello, my friend!', stop, 10 tokens",
        "transformers": "reasoning 'The user greets me.', text 'Hello, my friend!', stop, 10 tokens",  # which leaves it out, with a line in its log
    },
    "models": {
        "*": "listed",
        "transformers": "[]",
    },
    "usage": {
        "*": "as many as the script has",
    },
}


def expected(behavior: str, server: str) -> str:
    """Return what is expected of a server."""
    by_server = EXPECTED[behavior]
    program = server.partition("-")[0]
    return by_server.get(server) or by_server.get(program) or by_server["*"]
