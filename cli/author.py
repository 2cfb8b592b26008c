"""Who calls the command line, for records that say who entered them."""

from __future__ import annotations

import getpass
import os


def author() -> str:
    """Name of the user of this process."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):  # a container may run as a number without a name
        return f"user {os.getuid()} (command line)"
