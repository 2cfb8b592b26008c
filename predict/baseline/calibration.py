"""How wide errors really are: a baseline's own idea of its spread, corrected by the errors of months left out."""

from __future__ import annotations

from typing import Final, Self

import msgspec
import numpy as np

from predict.series import Floats

CENTRAL_80: Final = 1.2816
"""Standard deviations around the mean that hold 80 % of a normal distribution."""
LEVEL_DRIFT: Final = 0.13
"""Share by which a building's level has moved (standard deviation) when it was left alone for a season or more.

Over the 73 meters of the Cambridge archive the second year is off by a median of 5 to 6 % whatever the model; with this
share the 80 % intervals of their second year hold about 80 % (``promessa evaluate baseline``)."""
_DRIFT_DAYS: Final = 90.0
_BANDS: Final = 5
_MIN_HOURS: Final = 50


class Calibration(msgspec.Struct, frozen=True):
    """Factor on the spread of an hour by the energy expected in it.

    Errors of meters are neither normal nor equally wide: a boiler that is off errs by nothing.

    Attributes
    ----------
    level_kwh
        Mean expected energy of each band of hours, ascending.
    factor
        Of each band; in between it is interpolated.
    """

    level_kwh: list[float]
    factor: list[float]

    @classmethod
    def learn(cls, expected_kwh: Floats, error_kwh: Floats, spread_kwh: Floats) -> Self:
        """Learn from hours that were left out, shape (n,), NaN where unknown; factor 1 where there are too few."""
        known = np.isfinite(error_kwh) & np.isfinite(expected_kwh) & (spread_kwh > 0)
        expected, size = expected_kwh[known], np.abs(error_kwh[known]) / spread_kwh[known]
        if len(expected) < _BANDS * _MIN_HOURS:
            return cls([0.0], [1.0])
        edges = np.quantile(expected, np.linspace(0, 1, _BANDS + 1)[1:-1])
        band = np.searchsorted(edges, expected, side="right")
        bands = [b for b in range(_BANDS) if np.sum(band == b) >= _MIN_HOURS]
        return cls(
            [float(expected[band == b].mean()) for b in bands],
            [float(np.quantile(size[band == b], 0.8)) / CENTRAL_80 for b in bands],
        )

    def at(self, expected_kwh: Floats) -> Floats:
        """Factor for hours of which so much is expected."""
        return np.asarray(np.interp(expected_kwh, self.level_kwh, self.factor), np.float64)


def drift_share(days_after: Floats) -> Floats:
    """Standard deviation of a building's level so many days after the last one seen, as a share of it."""
    return LEVEL_DRIFT * np.sqrt(np.clip(days_after / _DRIFT_DAYS, 0.0, 1.0))
