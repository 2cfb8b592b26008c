"""What a building should use, how sure that is, and the gap to what it does use."""
