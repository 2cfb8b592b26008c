"""Marks given lately, so that a reading that is delivered again is marked again."""

from __future__ import annotations

from typing import Final

import numpy as np

from core.readings import UNCERTAIN_FROM
from ingest.checks import Codes, Columns, Ints

_REMEMBERED: Final = 100_000


class Marks:
    """Quality codes by point and time of the newest marked readings.

    A reading that comes twice is late the second time and compared with nothing; without this it would be stored as
    good then.
    """

    def __init__(self) -> None:
        self._codes: dict[tuple[int, int], int] = {}

    def remember(self, readings: Columns, quality: Codes, positions: Ints) -> None:
        """Keep the codes of those readings at `positions` that are marked."""
        for at in positions[quality[positions] >= UNCERTAIN_FROM].tolist():
            self._codes[int(readings.row[at]), int(readings.time_ms[at])] = int(quality[at])
        if len(self._codes) > _REMEMBERED:
            self._codes = dict(list(self._codes.items())[_REMEMBERED // 2 :])

    def recall(self, readings: Columns, quality: Codes, positions: Ints) -> None:
        """Put remembered codes into `quality` at `positions`, where they are worse."""
        if not self._codes:
            return
        for at in positions.tolist():
            code = self._codes.get((int(readings.row[at]), int(readings.time_ms[at])), 0)
            quality[at] = np.maximum(quality[at], code)
