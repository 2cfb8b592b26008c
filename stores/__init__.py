"""Where things are kept: readings behind one port, and the registry of everything else."""
