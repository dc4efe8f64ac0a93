"""What `ChatQwen36` is made of: its fields, their way into settings, binding, parsing."""
