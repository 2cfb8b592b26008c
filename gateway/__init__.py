"""The edge agent: drivers, spool, publisher and command guard; small enough for a single-board computer."""
