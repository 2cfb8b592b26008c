"""The REST API: what people and other systems ask Promessa, and the overrides they give."""
