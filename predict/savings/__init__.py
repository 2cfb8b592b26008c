"""Savings: avoided energy, non-routine adjustments, and the ledger of a guaranteed saving."""
