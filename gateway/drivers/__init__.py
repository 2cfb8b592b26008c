"""Field protocols behind one small interface, found by entry point."""
