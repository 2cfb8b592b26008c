"""Fuel that is turned into heat: how much more of it the same heat takes in the reporting period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from predict.causes.evidence import LinearModel, inflation
from predict.causes.pair import Pair, PairedMeter
from predict.causes.roles import Carrier
from predict.series import Floats

RATIO_SD: Final = 0.015
"""By so much the fuel per heat of a sound plant changes with its load."""
_PER_K: Final = 10.0


@dataclass(frozen=True, slots=True)
class Conversion:
    """What makes the heat.

    Attributes
    ----------
    meters
        Those of the carrier that makes most of it.
    log_ratio, sd
        Logarithm of how much more of that carrier the same heat takes in the reporting period, and its standard
        deviation; None when it cannot be told.
    """

    meters: list[PairedMeter]
    log_ratio: float | None
    sd: float = RATIO_SD


def convert_fuel(pair: Pair, heat: Floats, groups: Sequence[list[PairedMeter]]) -> Conversion:
    """Compare fuel with metered heat.

    Parameters
    ----------
    heat
        Shape (n,): heat that was made, kWh per hour.
    groups
        Meters of fuels, of electricity …: what each makes of a kWh is learnt from the reference, for electricity with
        the outdoor temperature (a heat pump makes less when it is cold). The main one is then asked for the heat that
        the others did not make.
    """
    used = [np.sum([m.kwh for m in group], axis=0) for group in groups]
    known = np.isfinite(heat) & np.all(np.isfinite(used), axis=0)
    before, now = known & ~pair.later, known & pair.later
    if min(float(np.sum(heat[rows])) for rows in (before, now)) <= 0:
        return Conversion(groups[0], None)
    columns, owner, prior = [], [], []
    for k, (group, kwh) in enumerate(zip(groups, used, strict=True)):
        columns.append(kwh)
        prior.append((1.0, 2.0))
        owner.append(k)
        if group[0].kind.carrier is Carrier.ELECTRICITY:
            columns.append(kwh * (pair.outdoor_c - float(np.mean(pair.outdoor_c))) / _PER_K)
            prior.append((0.0, 0.5))
            owner.append(k)
    x = np.nan_to_num(np.stack(columns, 1))
    y = np.nan_to_num(heat)
    mean, sd = (np.array(values) for values in zip(*prior, strict=True))
    variance = max(float(np.var(y[before])), 1e-12)
    made = y
    for _ in range(2):
        found = LinearModel(x, mean, sd, before / variance).fit(y)
        made = x @ found.mean
        variance = max(float(np.mean((y - made)[before] ** 2)), 1e-12)
    by_group = [x[:, [o == k for o in owner]] @ found.mean[[o == k for o in owner]] for k in range(len(groups))]
    main = int(np.argmax([float(np.sum(part[before])) for part in by_group]))
    others = made - by_group[main]
    sums = [float(np.sum(v[rows])) for rows in (before, now) for v in (by_group[main], y - others)]
    if min(sums) <= 0:
        return Conversion(groups[main], None)
    wide = inflation(y - made, before.astype(float))
    chance = np.sqrt(variance * wide * np.sum(now)) / sums[3]
    return Conversion(
        groups[main],
        float(np.log(sums[2] / sums[3]) - np.log(sums[0] / sums[1])),
        float(np.hypot(RATIO_SD, chance)),
    )
