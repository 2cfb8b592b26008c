"""MQTT in: decode, check, store, then acknowledge."""
