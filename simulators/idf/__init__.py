"""EnergyPlus models as text: read, edited and written back without the engine."""
