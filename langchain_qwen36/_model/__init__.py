"""The parts of `ChatQwen36`: fields, call options, tool binding, structured output, identity."""
