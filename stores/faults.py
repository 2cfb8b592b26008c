"""What goes wrong in a store and does not go away by trying again."""

from __future__ import annotations

from core.errors import StoreError


class StoreRefusedError(StoreError):
    """The store understood the request and refuses it: wrong credential, missing database, field type conflict."""

    code = "store.refused"


class StoreDamagedError(StoreError):
    """The store's file does not hold what was written into it."""

    code = "store.damaged"
