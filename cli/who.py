"""Who sits at the command line, for the records that people sign."""

from __future__ import annotations

import getpass
import os


def who() -> str:
    """Name of the person, as far as the system knows it."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):  # a container may run as a number without a name
        return f"user {os.getuid()} (command line)"
