"""Proof on the building itself: days or weeks with control and without it, drawn by lot, and what came of them."""
