"""What a device shall be brought to, and the one move that its own thread makes towards it."""

from __future__ import annotations

import math
import time
from typing import Final, NamedTuple

from core.points import Limits
from gateway.driver import DeviceRefusedError, Driver
from gateway.guard import Force, Wait, next_move

_READ_BACKS: Final = 3
_READ_BACK_PAUSE_S: Final = 0.2


class Order(NamedTuple):
    """What a device shall be brought to, by its own thread."""

    point: str
    target: Force
    limits: Limits
    changed_ms: int | None
    now_ms: int


class Driven(NamedTuple):
    """How an order went.

    Attributes
    ----------
    order
        The order.
    read_back
        What the device read at the end; None when it could not be read.
    written
        What was written; None when nothing was.
    refused
        Why the device did not take it; empty when it did.
    """

    order: Order
    read_back: float | None = None
    written: float | None = None
    refused: str = ""


def drive(driver: Driver, order: Order) -> Driven:
    """Bring a device one move nearer to what is in force, and read it back; DeviceError when it does not answer."""
    point = order.point
    driver.open()
    before, reason = _measure(driver, point)
    if before is None:
        return Driven(order, refused=f"cannot be read: {reason}")
    tolerance = driver.tolerance(point, order.target.value)
    move = next_move(before, order.target, order.limits, tolerance, now_ms=order.now_ms, changed_ms=order.changed_ms)
    if move is None or isinstance(move, Wait):
        return Driven(order, before)
    try:
        driver.write(point, move)
    except DeviceRefusedError as error:
        return Driven(order, before, refused=error.message)
    read: float | None = None
    for attempt in range(_READ_BACKS):
        if attempt:
            time.sleep(_READ_BACK_PAUSE_S)
        read, reason = _measure(driver, point)
        if read is not None and abs(read - move) <= tolerance:
            return Driven(order, read, move)
    seen = f"reads {read:g}" if read is not None else f"cannot be read back: {reason}"
    return Driven(order, read, move, f"{move:g} was written, and it {seen}")


def _measure(driver: Driver, point: str) -> tuple[float | None, str]:
    harvest = driver.read([point])
    value = next((r.value for r in harvest.readings if r.point == point and math.isfinite(r.value)), None)
    return value, harvest.errors.get(point, "no value")
