"""Tells systemd that the process is ready, alive or stopping (``sd_notify``), in the few lines that takes."""

from __future__ import annotations

import logging
import os
import socket

log = logging.getLogger("promessa.service")


def notify(state: str) -> bool:
    """Send `state`, for example ``READY=1``; returns False where no systemd listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(state.encode(), address)
    except OSError as error:
        log.warning("systemd_unreachable state=%s error=%r", state, str(error))
        return False
    return True
