"""Devices that go back from what is written to them: written again a few times, then left as they are for an hour."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

log = logging.getLogger("promessa.gateway")

REWRITES_MOST: Final = 3
"""A device that comes back from a power cut needs one; a hand at the device, or logic of its own, wins after these."""
REST_MS: Final = 3_600_000
"""So long the device has its way then."""


@dataclass(slots=True)
class _Contest:
    """How often a device went back in a row, and since when it is left alone (None: it is written again)."""

    count: int = 0
    left_alone_ms: int | None = None


class Reverts:
    """Compares what devices read with what they were left with; forgotten at a restart, which tries again."""

    def __init__(self) -> None:
        self._contests: dict[str, _Contest] = {}

    def watch(
        self, point: str, fresh: float, left: float | None, target: float, *, tolerance: float, now_ms: int
    ) -> None:  # fmt: skip
        """Take in what a device reads at a poll.

        Parameters
        ----------
        fresh
            What it reads.
        left
            What it read after it was last written; None: it never was.
        target
            What is in force.
        tolerance
            The device's own rounding.
        """
        if left is None or min(abs(fresh - left), abs(fresh - target)) <= tolerance:
            self.forgive(point)
            return
        contest = self._contests.setdefault(point, _Contest())
        contest.count += 1
        if contest.left_alone_ms is not None:
            return
        log.warning("device_reverted point=%s left=%g reads=%g", point, left, fresh)
        if contest.count > REWRITES_MOST:
            contest.left_alone_ms = now_ms
            log.error("device_left_alone point=%s wanted=%g reads=%g", point, target, fresh)

    def points(self) -> list[str]:
        """Points whose devices have gone back lately."""
        return list(self._contests)

    def is_left_alone(self, point: str, now_ms: int) -> bool:
        """Whether the device has its way; when its hour is over all begins anew, also when the clock was set back."""
        contest = self._contests.get(point)
        if contest is None or contest.left_alone_ms is None:
            return False
        if 0 <= now_ms - contest.left_alone_ms < REST_MS:
            return True
        self.forgive(point)
        return False

    def forgive(self, point: str) -> None:
        """Begin anew: it holds, or somebody who may insist has asked."""
        self._contests.pop(point, None)

    def alarms(self) -> list[str]:
        """What somebody should look at, a sentence each."""
        return [
            f"{point}: the device goes back from what is written to it"
            + ("" if contest.left_alone_ms is None else ", and is left as it is for an hour")
            for point, contest in sorted(self._contests.items())
            if contest.count >= REWRITES_MOST
        ]
