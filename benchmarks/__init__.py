"""Figures measured from what happened; each module prints its own."""
