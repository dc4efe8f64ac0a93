"""Convert response bytes to messages, chunks and v3 events, without I/O or a clock."""
