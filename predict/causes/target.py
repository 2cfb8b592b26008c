"""Which meters tell of heating: a heat meter, a fuel, or electricity that goes up when it gets cold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from predict.causes.conversion import Conversion, convert_fuel
from predict.causes.pair import Pair, PairedMeter
from predict.causes.roles import Carrier, EndUse
from predict.series import Floats
from predict.twin.lag import filled

HEATING_BELOW_C: Final = 14.0
HIDDEN_SHARE: Final = 0.12
"""Electricity heats when so much of it follows the cold."""
NO_FUEL: Final = 0.1
"""A fuel of less than this share of such electricity is for cooking and hot water."""
MIN_DAYS: Final = 14


@dataclass(frozen=True, slots=True)
class Target:
    """What the balance explains, kWh per hour, shape (n,).

    Attributes
    ----------
    fixed
        The part that no fuel meter's scale changes.
    scaled
        The part that the fuel's meter and the plant's efficiency scale.
    inner
        Whether it is heat within the building, so that fuel is compared with it directly.
    hidden
        Whole-building meters in which heating hides among other use.
    """

    fixed: Floats
    scaled: Floats
    inner: bool
    hidden: tuple[PairedMeter, ...] = field(default=())

    @property
    def kwh(self) -> Floats:
        """All of it."""
        return self.fixed + self.scaled


def heat_target(pair: Pair) -> tuple[Target | None, Conversion]:
    """What the balance shall explain, and the fuel meters whose efficiency it tells of."""

    def found(carrier: Carrier, *uses: EndUse) -> list[PairedMeter]:
        return [m for m in pair.meters if m.kind.carrier is carrier and m.kind.end_use in uses]

    fuels: list[PairedMeter] = []
    for carrier in (Carrier.GAS, Carrier.FUEL):
        fuels += found(carrier, EndUse.HEATING) or found(carrier, EndUse.WHOLE)
    electric = found(Carrier.ELECTRICITY, EndUse.HEATING)
    heat = found(Carrier.HEAT, EndUse.HEATING, EndUse.WHOLE)
    nothing = np.zeros(pair.hours)
    if heat and (fuels or electric):
        made = _sum(heat)
        return Target(made, nothing, inner=True), convert_fuel(pair, made, [g for g in (fuels, electric) if g])
    hidden = () if electric else tuple(m for m in found(Carrier.ELECTRICITY, EndUse.WHOLE) if follows_cold(pair, m.kwh))
    if hidden and (not fuels or np.nanmean(_sum(fuels)) < NO_FUEL * np.nanmean(_sum(list(hidden)))):
        return Target(nothing, _sum(list(hidden)), inner=False, hidden=hidden), Conversion(list(hidden), None)
    if fuels:
        others = [*electric, *hidden]
        return Target(_sum(others) if others else nothing, _sum(fuels), inner=False, hidden=hidden), Conversion(
            fuels, None
        )
    if electric:
        return Target(nothing, _sum(electric), inner=False), Conversion(electric, None)
    if heat:
        return Target(_sum(heat), nothing, inner=True), Conversion([], None)
    return None, Conversion([], None)


def follows_cold(pair: Pair, kwh: Floats) -> bool:
    """Whether a good part of an energy goes up when it gets cold, by days of the same kind."""
    days = pair.hours // 24
    if days < MIN_DAYS:
        return False
    rows = slice(0, days * 24)
    energy = filled(kwh)[rows].reshape(days, 24).mean(axis=1)
    cold = np.maximum(HEATING_BELOW_C - pair.outdoor_c[rows].reshape(days, 24).mean(axis=1), 0.0)
    kind = pair.day_kind[rows][12::24]
    x = np.column_stack([cold, *(kind == k for k in range(3))]).astype(float)
    slope = float(np.linalg.lstsq(x, energy, rcond=None)[0][0])
    return slope * float(np.mean(cold)) > HIDDEN_SHARE * float(np.mean(energy))


def _sum(meters: list[PairedMeter]) -> Floats:
    return np.asarray(np.sum([m.kwh for m in meters], axis=0), np.float64)
