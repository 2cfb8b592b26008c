"""What every process of ours owes the system that runs it."""
