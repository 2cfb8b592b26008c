"""Tells systemd that the process is ready, alive or stopping (``sd_notify``), in the few lines that takes."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> bool:
    """Send `state`, for example ``READY=1``; returns False where no systemd listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(state.encode(), address)
    return True
