"""What is asked of every server, by name, in the order of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import answer_behaviors as answers
import failure_behaviors as failures
import tool_behaviors as tools

if TYPE_CHECKING:
    from collections.abc import Callable

    from observe import Chat

BEHAVIORS: dict[str, Callable[[Chat], str]] = {
    function.__name__: function
    for function in (
        answers.chat,
        answers.thinking_off,
        answers.thinking_budget,
        answers.effort_none,
        answers.effort_low,
        answers.reasoning_sent_back,
        answers.preserve_thinking,
        answers.long_conversation,
        answers.system_messages,
        answers.empty_question,
        answers.silent_answer,
        answers.cut_characters,
        answers.many_at_once,
        tools.tools_auto,
        tools.tools_any,
        tools.tools_by_name,
        tools.tools_none,
        tools.tools_parallel,
        tools.tools_not_parallel,
        tools.tools_strict,
        tools.tools_twice,
        tools.tool_result_as_list,
        tools.tools_without_thinking,
        tools.call_inside_reasoning,
        tools.agent,
        tools.structured_function_calling,
        tools.structured_json_schema,
        tools.structured_json_mode,
        tools.structured_with_reasoning,
        failures.schema_of_no_type,
        answers.logprobs,
        answers.two_choices,
        answers.stop,
        answers.stop_in_reasoning,
        answers.seed,
        failures.cut_in_reasoning,
        failures.cut_in_text,
        failures.cut_in_call,
        failures.lone_closing_tag,
        answers.long_answer,
        failures.client_leaves,
        failures.context_overflow,
        failures.bad_setting,
        answers.models,
        failures.unknown_model,
        failures.wrong_key,
        failures.bad_role,
        failures.image_to_a_text_model,
        answers.usage,
    )
}
