"""Months in UTC, counted from January 1970: how the embedded store cuts time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def month_of(time_ms: int) -> int:
    """Month that holds `time_ms`."""
    return int(np.datetime64(time_ms, "ms").astype("datetime64[M]").astype(np.int64))


def month_start(month: int) -> int:
    """UTC milliseconds at which `month` begins."""
    return int(np.datetime64(month, "M").astype("datetime64[ms]").astype(np.int64))


def months_of(time_ms: npt.NDArray[np.int64]) -> set[int]:
    """Months that hold at least one of the times."""
    return set(np.unique(time_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)).tolist())
