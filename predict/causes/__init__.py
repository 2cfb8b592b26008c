"""Why a building uses more or less than it did: the change between two periods, split by cause."""
