"""The operational forecast."""
