"""What control may want of a point: one strategy a module, a pure ``propose(view)``; `control.strategy` ranks them."""
