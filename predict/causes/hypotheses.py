"""What may have changed unseen: every combination of it, weighed by how well it foretells the data."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import logsumexp

from predict.causes.heat import LOG_SCALES, SAME
from predict.series import Floats

# Prior odds of each change against none: guesses of how often such a thing happens from one year to the next.
ODDS: Final = {
    "envelope": 0.15,
    "efficiency": 0.15,
    "all meters": 0.08,
    "use meter": 0.08,
    "fuel meter": 0.01,
    "use": 0.15,
    "air": 0.3,
}
EFFICIENCY_SD: Final = 0.10
METER_SD: Final = 0.08
"""Usual sizes of a changed efficiency and of a meter's error, as logarithms of factors."""
NO_CURVE: Final[Floats] = np.zeros(len(LOG_SCALES))


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One combination of unseen changes, and how probable the data make it.

    Attributes
    ----------
    envelope, use
        Whether the heat loss, and the use of electricity, changed.
    air
        Whether more people get more fresh air.
    efficiency
        Logarithm of the factor by which the plant takes more fuel for the same heat.
    fuel_meter, use_meter
        Logarithms of the factors by which the meters of fuel and of the rest read more.
    probability
        Of this combination among all.
    """

    envelope: bool
    use: bool
    efficiency: float
    fuel_meter: float
    use_meter: float
    probability: float
    air: bool = False


def weigh(
    heat: dict[tuple[bool, bool], Floats] | None,
    fuel: Floats | None,
    use: Sequence[tuple[Floats, Floats]],
    *,
    fuel_checked: bool = False,
    use_checked: bool = False,
) -> list[Hypothesis]:
    """All combinations, the most probable first.

    Parameters
    ----------
    heat
        Log evidence of the heat balance per `LOG_SCALES`, by whether envelope and fresh air changed.
    fuel
        Log likelihood of the fuel's scale against a heat meter, when there is one; the balance then has scale 1.
    use
        The same for each meter of other use, without and with a shift of it.
    fuel_checked, use_checked
        Whether other meters have confirmed those of the fuel, and of the rest, so that they need not be doubted.
    """
    found: list[tuple[float, Hypothesis]] = []
    curves = heat if heat is not None else {(False, False): NO_CURVE}
    has_fuel, has_use = heat is not None, bool(use)
    for (envelope, air), shifted, efficient, meter in itertools.product(
        curves, (False, True), (False, True), ("", "all meters", "use meter", "fuel meter")
    ):
        if efficient and not has_fuel:
            continue
        if (shifted or meter == "use meter") and not has_use:
            continue
        if meter == "fuel meter" and (efficient or not has_fuel):
            continue
        if meter == "all meters" and not (has_fuel and has_use):
            continue
        if (fuel_checked and meter in ("fuel meter", "all meters")) or (
            use_checked and meter in ("use meter", "all meters")
        ):
            continue
        chosen = curves[envelope, air]
        of_fuel = chosen if fuel is None else chosen[SAME] + fuel
        of_use = np.sum([pair[shifted] for pair in use], axis=0) if use else NO_CURVE
        odds = [
            ODDS[name]
            for name, is_so in (
                ("envelope", envelope),
                ("air", air),
                ("use", shifted),
                ("efficiency", efficient),
                (meter, bool(meter)),
            )
            if is_so
        ]
        log_odds = float(np.sum(np.log(odds))) if odds else 0.0
        score, eta, fuel_meter, use_meter = _best(of_fuel, of_use, efficient=efficient, meter=meter)
        found.append((score + log_odds, Hypothesis(envelope, shifted, eta, fuel_meter, use_meter, 0.0, air)))
    scores = np.array([score for score, _ in found])
    share = np.exp(scores - logsumexp(scores))
    ranked = sorted(zip(share.tolist(), (h for _, h in found), strict=True), key=lambda item: -item[0])
    return [replace(h, probability=probability) for probability, h in ranked]


def _best(fuel: Floats, use: Floats, *, efficient: bool, meter: str) -> tuple[float, float, float, float]:
    """Log evidence with the scales integrated out, and the most probable scales: efficiency, fuel meter, use meter."""
    efficiency, reading = _prior(EFFICIENCY_SD), _prior(METER_SD)
    if meter == "all meters" and efficient:
        joint = np.full((len(LOG_SCALES), len(LOG_SCALES)), -np.inf)
        for m in range(len(LOG_SCALES)):
            e = np.arange(len(LOG_SCALES))
            both = m + e - SAME
            inside = (both >= 0) & (both < len(LOG_SCALES))
            joint[m, inside] = fuel[both[inside]] + efficiency[inside] + use[m] + reading[m]
        best_m, best_e = divmod(int(np.argmax(joint)), len(LOG_SCALES))
        reads = float(LOG_SCALES[best_m])
        return float(logsumexp(joint)), float(LOG_SCALES[best_e]), reads, reads
    if meter == "all meters":
        joint = fuel + use + reading
        scale = _mean(joint)
        return float(logsumexp(joint)), 0.0, scale, scale
    score, eta, fuel_meter, use_meter = 0.0, 0.0, 0.0, 0.0
    if efficient or meter == "fuel meter":
        joint = fuel + (efficiency if efficient else reading)
        score += float(logsumexp(joint))
        eta, fuel_meter = (_mean(joint), 0.0) if efficient else (0.0, _mean(joint))
    else:
        score += float(fuel[SAME])
    if meter == "use meter":
        joint = use + reading
        score += float(logsumexp(joint))
        use_meter = _mean(joint)
    else:
        score += float(use[SAME])
    return score, eta, fuel_meter, use_meter


def _prior(sd: float) -> Floats:
    log = -0.5 * (LOG_SCALES / sd) ** 2
    return np.asarray(log - logsumexp(log), np.float64)


def _mean(log_weights: Floats) -> float:
    return float(np.exp(log_weights - logsumexp(log_weights)) @ LOG_SCALES)
