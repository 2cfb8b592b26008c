"""What to do about the gap: pure decisions, and the shell that dispatches and follows them."""
