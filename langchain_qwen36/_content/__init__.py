"""Read messages and content blocks; shared by requests, responses, token counts and callbacks."""
