"""How much of a meter's level its peers move with it: ``python -m benchmarks.common_factor DIR``.

For the meters of one sort that were recorded in the same two years: the deviation of three days from the three weeks
before, and how much of its variance in the second year the median of the other meters' deviations explains, with the
loading learnt in the first year, and with the loading that would have been best.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from cli.evaluate.archive import Recorded, read_archive
from predict.baseline import DayBaseline
from predict.series import fill_short_gaps

Floats = npt.NDArray[np.float64]
_LEAST_METERS: Final = 6
_FLOOR: Final = 0.15
_WINDOW, _REFERENCE, _YEAR = 3, 21, 365


def deviations(r: Recorded) -> Floats:
    """Deviation of each three days from what was usual before, over its usual size; 0 where unknown; shape (days,)."""
    temperature, split = fill_short_gaps(r.temperature_c), r.train_end
    model = DayBaseline(r.calendar).fit(r.time_ms[:split], temperature[:split], r.kwh[:split])
    expected = model.predict(r.time_ms, temperature).kwh
    expected[:split] = model.cross_validated_kwh_
    floor = _FLOOR * float(np.nanmean(r.kwh[:split]))
    ratio = np.log((np.maximum(r.kwh, 0) + floor) / (np.maximum(expected, 0) + floor))
    hours = len(ratio) // 24 * 24
    rows = np.ma.masked_invalid(ratio[:hours].reshape(-1, 24))
    days = rows.mean(axis=1).filled(np.nan)
    found = np.zeros(len(days))
    for day in range(_REFERENCE + _WINDOW, len(days)):
        here, before = days[day - _WINDOW + 1 : day + 1], days[day - _WINDOW - _REFERENCE + 1 : day - _WINDOW + 1]
        if np.isfinite(here).all() and np.isfinite(before).sum() >= _REFERENCE // 2:
            found[day] = here.mean() - np.nanmedian(before)
    size = 1.4826 * float(np.median(np.abs(found[found != 0])))
    return np.clip(found / size, -4, 4)


def explained(own: Floats, common: Floats, loading: float) -> float:
    """Share of the second year's variance that goes with `loading` times the common factor."""
    rest = own[_YEAR:] - loading * common[_YEAR:]
    return 1 - float((rest**2).sum() / (own[_YEAR:] ** 2).sum())


def main() -> None:
    """Print the shares, for every group of meters that is large enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="folder with meters.parquet, weather.parquet and buildings.csv")
    groups: dict[tuple[str, int], list[Floats]] = defaultdict(list)
    for r in read_archive(parser.parse_args().directory):
        groups[r.meter, r.calendar.day_of(int(r.time_ms[r.train_end])).year].append(deviations(r))
    print("meters", "year", "of so many", "learnt loading: quartiles", "best loading: quartiles", sep="\t")
    for (meter, year), rows in groups.items():
        if len(rows) < _LEAST_METERS:
            continue
        shares = []
        for i, own in enumerate(rows):
            common = np.median([other for j, other in enumerate(rows) if j != i], axis=0)
            pairs = [(common[part] @ own[part]) / (common[part] @ common[part]) for part in
                     (slice(_YEAR), slice(_YEAR, None))]  # fmt: skip
            shares.append([explained(own, common, float(loading)) for loading in pairs])
        quartiles = np.quantile(shares, [0.25, 0.5, 0.75], axis=0).T
        print(meter, year, len(rows), *(" ".join(f"{q:.2f}" for q in row) for row in quartiles), sep="\t")


if __name__ == "__main__":
    main()
