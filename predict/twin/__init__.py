"""The thermal twin: a network of resistances and capacities that is identified from how the building behaves."""
