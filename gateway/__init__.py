"""The edge agent: reads devices, spools, publishes, guards what is written. Small enough for a Raspberry Pi."""
