"""What an FMU says about itself, and the points that follow from it."""
