"""Buildings, weather and field devices that behave like real ones."""
