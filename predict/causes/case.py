"""All that is worked out once for two periods, and the parts of their change under one hypothesis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from core.errors import DomainError
from predict.causes.baseline import foretold
from predict.causes.coasting import Coasting
from predict.causes.comfort import Comfort, compare_comfort
from predict.causes.explanation import EFFICIENCY, ENVELOPE, METERING, SETPOINT, UNEXPLAINED, USE, WEATHER
from predict.causes.heat import LOG_SCALES, HeatBalance
from predict.causes.hypotheses import Hypothesis, weigh
from predict.causes.pair import SLOTS, Pair
from predict.causes.roles import Carrier, EndUse
from predict.causes.target import Target, heat_target
from predict.causes.use import UseBalance
from predict.series import Floats
from predict.twin.lag import filled

_LEAST: Final = 0.02
"""A remainder smaller than this share of its meter is the meters' own difference."""
MODEL_DOUBT: Final = 0.25
"""By so much of itself any part may be wrong because a building is not a linear network."""
CHANCE: Final = 2.0
"""So many deviations are left to chance."""
AT_ONCE: Final = 0.5
CHANGED_SHARE: Final = 0.08
"""The plant's hours have changed in a slot of the day when it runs by so much more or less of it."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Energy of one carrier that serves one purpose: heating, or everything else."""

    carrier: Carrier
    kwh: Floats
    heating: bool


@dataclass(slots=True)
class Sum:
    """Parts of one hypothesis: (cause, carrier, detail) to kWh, cause to variance."""

    kwh: dict[tuple[str, str, str], float] = field(default_factory=dict)
    variance: dict[str, float] = field(default_factory=dict)

    def add(self, cause: str, carrier: str, detail: str, kwh: float, sd: float = 0.0) -> None:
        """Add to one part; deviations of the same cause add as independent ones."""
        key = (cause, carrier, detail)
        self.kwh[key] = self.kwh.get(key, 0.0) + kwh
        self.variance[cause] = self.variance.get(cause, 0.0) + sd**2

    def of(self, cause: str) -> float:
        """All of one cause, kWh."""
        return sum(v for (c, _, _), v in self.kwh.items() if c == cause)


class Case:
    """Everything that is worked out for one pair of periods."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.bought = pair.bought()
        self.target, self.conversion = heat_target(pair)
        self.fuels = self.conversion.meters
        self.flows = list(self._split())
        if not self.flows:
            raise DomainError("no meter of bought energy is in both periods")
        self.later_hours = int(np.sum(pair.later))
        heating = self.target.kwh if self.target is not None else None
        self.comfort: Comfort = compare_comfort(pair, heating)
        self.coasting = Coasting(pair, heating)
        running, self.told_by = pair.running
        self.running = running
        independent = running if self.told_by != "electricity" else None
        self.uses = {
            i: UseBalance(pair, flow.kwh, None if heating is None else filled(heating), independent)
            for i, flow in enumerate(self.flows)
            if not flow.heating
        }
        self.balance = self._balance(running)

    def ranked(self) -> list[Hypothesis]:
        """Every combination of unseen changes, the most probable first."""
        heat = self.balance.curves if self.balance is not None else None
        checked = self.pair.checked
        ranked = weigh(
            heat,
            self._ratio_curve(),
            [use.curves for use in self.uses.values()],
            fuel_checked=any(m.kind.carrier in checked for m in self.fuels),
            use_checked=bool(self.uses) and all(self.flows[i].carrier in checked for i in self.uses),
        )
        if self.pair.inside_c is None:
            ranked = [h for h in ranked if not h.envelope] or ranked
        return ranked

    def _split(self) -> list[Flow]:
        flows: list[Flow] = []
        for carrier in dict.fromkeys(m.kind.carrier for m in self.bought):
            of_carrier = [m for m in self.bought if m.kind.carrier is carrier]
            whole = np.sum([m.kwh for m in of_carrier], axis=0)
            heating = [m for m in self.fuels if m.kind.carrier is carrier]
            if self.target is not None and self.target.inner and carrier is Carrier.HEAT:
                flows.append(Flow(carrier, whole, heating=True))
                continue
            heating += [
                m for m in self.pair.meters
                if m.kind.carrier is carrier and m.kind.end_use is EndUse.HEATING and m not in heating
            ]  # fmt: skip
            if self.target is not None:
                heating += [m for m in self.target.hidden if m.kind.carrier is carrier and m not in heating]
            if not heating:
                flows.append(Flow(carrier, whole, heating=False))
                continue
            part = np.sum([m.kwh for m in heating], axis=0)
            flows.append(Flow(carrier, part, heating=True))
            rest = whole - part
            if np.nanmean(np.abs(rest)) > _LEAST * np.nanmean(np.abs(whole)):
                flows.append(Flow(carrier, rest, heating=False))
            else:
                flows[-1] = Flow(carrier, whole, heating=True)
        return flows

    def _balance(self, running: Floats | None) -> HeatBalance | None:
        if self.target is None or not np.isfinite(self.target.kwh).any():
            return None
        electricity = [self._true_use(i) for i in self.uses if self.flows[i].carrier is Carrier.ELECTRICITY]
        gains = np.sum(electricity, axis=0) if electricity else None
        return HeatBalance(self.pair, self.target, gains, running, warmer=self._warmer(), unpaid=self.coasting.zones)

    def _warmer(self) -> Floats:
        """By how many K each hour is kept warmer: all of it while thermostats hold it, what is left of it after."""
        if not self.comfort.significant:
            return np.zeros(self.pair.hours)
        told = self.comfort.told_k if abs(self.comfort.held_k) < 0.1 else self.comfort.held_k
        return np.where(self.pair.later, told * (1 - self.coasting.building), 0.0)

    def _true_use(self, i: int) -> Floats:
        """A meter's hours, put right where it surely reads too much or too little."""
        plain, shifted = self.uses[i].curves
        odds = weigh(None, None, [(plain, shifted)], use_checked=self.flows[i].carrier in self.pair.checked)
        best = odds[0]
        scale = np.exp(best.use_meter) if best.probability > 0.9 else 1.0
        return np.where(self.pair.later, self.uses[i].kwh / scale, self.uses[i].kwh)

    def _ratio_curve(self) -> Floats | None:
        if self.target is None or not self.target.inner:
            return None
        found = self.conversion
        if found.log_ratio is None:
            return np.zeros(len(LOG_SCALES))
        return np.asarray(-0.5 * ((LOG_SCALES - found.log_ratio) / found.sd) ** 2, np.float64)

    def change(self, kwh: Floats) -> float:
        """Change of a meter between the periods at equal length, unknown hours counted as the known ones are."""
        split = self.pair.split
        return float(np.nanmean(kwh[split:]) - np.nanmean(kwh[:split])) * self.later_hours

    def _more(self, values: Floats | None) -> Floats:
        """By how much the reporting period's values exceed what is usual in the reference, shape (n,), 0 before."""
        if values is None:
            return np.zeros(self.pair.hours)
        return np.where(self.pair.later, values - self.pair.usual(values), 0.0)

    def parts(self, h: Hypothesis) -> Sum:
        """The whole change by cause, carrier and detail, if this is what changed."""
        out = Sum()
        more_use = np.zeros(self.pair.hours)
        heat_parts: dict[tuple[str, str], tuple[float, float]] = {}
        fits = {i: use.fit(shifted=h.use, log_scale=h.use_meter) for i, use in self.uses.items()}
        more_people, more_running = self._more(self.pair.people), self._more(self.running)
        for i, fit in fits.items():
            run = more_running if self.told_by != "electricity" else 0 * more_running
            extra = fit.person[0] * fit.more_people + fit.run[0] * run + fit.change
            if self.flows[i].carrier is Carrier.ELECTRICITY:
                more_use = more_use + extra
        if self.balance is not None and self.target is not None:
            log_scale = 0.0 if self.target.inner else h.efficiency + h.fuel_meter
            heat_parts = self._heat_parts(
                self.balance, self.target, h, log_scale, people=more_people, running=more_running, use=more_use
            )
        for i, fit in fits.items():
            carrier = self.flows[i].carrier.value
            run = more_running if self.told_by != "electricity" else 0 * more_running
            rise = (1 + fit.scale) / 2
            effects = {
                (USE, "people"): (fit.person[0] * fit.more_people.sum(), fit.person[1] * fit.more_people.sum()),
                (USE, "plant hours"): (fit.run[0] * run.sum(), fit.run[1] * run.sum()),
                (USE, "other use"): (float(fit.change.sum()), fit.change_sd),
            }
            for (cause, name), (kwh, sd) in heat_parts.items():
                effects[cause, f"{name} by auxiliaries"] = (fit.heat[0] * kwh, fit.heat[0] * sd)
            moved = sum(kwh for kwh, _ in effects.values())
            for (cause, name), (kwh, sd) in effects.items():
                out.add(cause, carrier, name, kwh * rise, abs(sd))
            self._close(out, i, fit.expected, h, moved, fit.scale)
        self._changed = self._changed_by_running() | {slot for fit in fits.values() for slot in fit.changed_slots}
        for i, flow in enumerate(self.flows):
            if flow.heating and self.target is not None:
                self._heat_flow(out, i, h, self.target, heat_parts)
        self._checked_meters(out)
        return out

    def _checked_meters(self, out: Sum) -> None:
        """What main meters count beyond the meters behind them."""
        for meter in self.bought:
            if (more := self.pair.misread.get(meter.name)) is not None:
                kwh = self.change(more)
                out.add(METERING, meter.kind.carrier.value, f"{meter.name} against its parts", kwh, 0.1 * abs(kwh))

    def _heat_parts(
        self,
        balance: HeatBalance,
        target: Target,
        h: Hypothesis,
        log_scale: float,
        *,
        people: Floats,
        running: Floats,
        use: Floats,
    ) -> dict[tuple[str, str], tuple[float, float]]:
        """Heat (or fuel at the reference's scale) that each cause adds, kWh and sd."""
        fit = balance.fit(envelope=h.envelope, air=h.air, log_scale=log_scale)
        difference, hours, comfort = balance.difference_k, self.later_hours, self.comfort
        run = self.running
        vented = fit.vented * (float(np.mean(run[self.pair.later])) if run is not None else 0.0)
        hold, hold_sd = max(fit.hold + vented, 0.0), fit.hold_sd
        kelvin_hours = float(np.sum(self._warmer()))
        paid = 1 - self.coasting.zones
        heads, energy = float(people @ paid), float(use @ paid)
        # A leak also cools the rooms while no thermostat holds them; without it they would lose more.
        cooler = float(np.clip(fit.hold * comfort.drift_k * hours, -0.4 * abs(fit.envelope_kwh), 0.0))
        cooler = np.sign(fit.envelope_kwh) * cooler if h.envelope else 0.0
        parts = {
            (SETPOINT, "temperature held"): (
                hold * kelvin_hours + fit.warmer_kwh,
                float(np.hypot(fit.warmer_sd, hold * comfort.mean_sd * hours)),
            ),
            (ENVELOPE, "heat loss"): (fit.envelope_kwh + cooler, fit.envelope_sd),
            (USE, "heat of people"): (fit.person * heads, fit.person_sd * heads),
            (USE, "heat of electricity"): (fit.other * energy, fit.other_sd * energy),
            (USE, "air of people"): (fit.air_kwh, fit.air_sd),
            (USE, "longer warm"): (hold * comfort.longer_k * hours, hold_sd * comfort.longer_k * hours),
        }
        extra = float(np.sum(running * difference))
        parts[USE, "ventilation"] = (fit.vented * extra, fit.vented_sd * extra)
        self._expected = fit.expected
        return self._reconciled(target, parts, log_scale)

    def _reconciled(
        self, target: Target, parts: dict[tuple[str, str], tuple[float, float]], log_scale: float
    ) -> dict[tuple[str, str], tuple[float, float]]:
        """Parts brought nearer to what the reference alone leaves open, each by its own doubt.

        The balance tells which causes there are; how large they are together is also told by the energy that the
        reference would not have used. Both are uncertain; this is their weighted mean (least squares).
        """
        pair = self.pair
        spread = {key: float(np.hypot(sd, MODEL_DOUBT * kwh)) for key, (kwh, sd) in parts.items()}
        doubt = sum(sd**2 for sd in spread.values())
        if doubt <= 0:
            return parts
        true = target.fixed + target.scaled * np.where(pair.later, np.exp(-log_scale), 1.0)
        expected, sd = foretold(pair, true)
        rows = pair.later & pair.settled & np.isfinite(true)
        left_open = float(np.mean((true - expected)[rows])) * self.later_hours
        missing = left_open - sum(kwh for kwh, _ in parts.values())
        share = missing / (doubt + (sd * self.later_hours) ** 2)
        return {
            key: (kwh + spread[key] ** 2 * share, max(parts[key][1], 0.5 * spread[key]))
            for key, (kwh, _) in parts.items()
        }

    def _heat_flow(
        self, out: Sum, i: int, h: Hypothesis, target: Target, heat_parts: dict[tuple[str, str], tuple[float, float]]
    ) -> None:
        flow, pair = self.flows[i], self.pair
        carrier = flow.carrier.value
        scaled = self._is_scaled(flow)
        scale = float(np.exp(h.efficiency + h.fuel_meter)) if scaled else 1.0
        before, after = flow.kwh[: pair.split], flow.kwh[pair.split :]
        asked = filled(target.kwh)
        # Each fuel takes its share of the heat that is asked for, at its own fuel per heat.
        per_heat = (
            float(np.nanmean(after))
            / scale
            / max(float(np.mean(asked[pair.split :])) / _target_scale(target, h, pair.split), 1e-9)
        )
        rise = (1 + scale) / 2
        moved = 0.0
        for (cause, name), (kwh, sd) in heat_parts.items():
            moved += kwh * per_heat
            out.add(cause, carrier, name, kwh * per_heat * rise, abs(sd * per_heat))
        expected = self._expected
        if target.inner or len([f for f in self.flows if f.heating]) > 1:
            share = np.where(
                pair.later,
                per_heat * scale / _target_scale(target, h, pair.split),
                float(np.nanmean(before)) / max(float(np.mean(asked[: pair.split])), 1e-9),
            )
            expected = self._expected * share
        self._close(out, i, expected, h, moved, scale, heating=scaled)

    def _longer(self, residual: Floats, slots: set[int]) -> float:
        """What the model does not foretell in the slots of the day whose use has changed, kWh."""
        pair = self.pair
        changed = np.isin(np.arange(SLOTS), list(slots))
        rows = changed[pair.slot] & np.isfinite(residual)
        later, before = residual[rows & pair.later], residual[rows & ~pair.later]
        if not len(later) or not len(before):
            return 0.0
        return float((np.mean(later) - np.mean(before)) * np.sum(changed[pair.slot] & pair.later))

    def _changed_by_running(self) -> set[int]:
        """Slots of the day in which the plant now runs and did not, or the reverse."""
        pair = self.pair
        if self.running is None or self.told_by == "electricity":
            return set()
        count = np.bincount(pair.slot[pair.later], minlength=SLOTS)
        more = np.bincount(pair.slot[pair.later], weights=self._more(self.running)[pair.later], minlength=SLOTS)
        return set(np.flatnonzero(np.abs(more) > CHANGED_SHARE * np.maximum(count, 1)).tolist())

    def _inflation(self, i: int) -> float:
        if self.flows[i].heating and self.balance is not None:
            return self.balance.inflation
        return self.uses[i].inflation if i in self.uses else 8.0

    def _is_scaled(self, flow: Flow) -> bool:
        return any(m.kind.carrier is flow.carrier for m in self.fuels)

    def _close(
        self, out: Sum, i: int, expected: Floats, h: Hypothesis, moved: float, scale: float, *, heating: bool = False
    ) -> None:
        """Scales, what the model does not foretell, and the weather as what remains of the change of a flow."""
        flow, pair = self.flows[i], self.pair
        carrier = flow.carrier.value
        later = float(np.nanmean(flow.kwh[pair.split :])) * self.later_hours
        scaling = later * (1 - 1 / scale) - (scale - 1) / 2 * moved
        log_total = np.log(scale)
        if log_total:
            meter = (h.fuel_meter if heating or flow.heating else h.use_meter) / log_total
            sd = 0.01 * later
            out.add(METERING, carrier, f"{carrier} meter", scaling * meter, sd if meter else 0.0)
            out.add(EFFICIENCY, carrier, "fuel for the same heat", scaling * (1 - meter), sd if meter < 1 else 0.0)
        residual = np.where(np.isfinite(flow.kwh) & pair.settled, flow.kwh - expected, np.nan)
        parts = [float(np.nanmean(r)) for r in (residual[: pair.split], residual[pair.split :])]
        unexplained = (parts[1] - parts[0]) * self.later_hours
        longer = self._longer(residual, self._changed_by_running())
        if flow.heating:
            # What people switch on heats the rooms at once and later, so only a part of this shows in the same hours.
            longer += AT_ONCE * self._longer(residual, self._changed - self._changed_by_running())
        if longer:
            unexplained -= longer
            out.add(USE, carrier, "plant hours", longer, 0.5 * abs(longer))
        noise = float(np.nanstd(residual)) * np.sqrt(2 * self._inflation(i) * self.later_hours)
        # What chance may do with the weather is left to the weather; only what goes beyond it is unexplained
        # (James and Stein's positive part).
        unexplained *= max(0.0, 1 - (CHANCE * noise / unexplained) ** 2) if unexplained else 0.0
        out.add(UNEXPLAINED, carrier, "", unexplained, noise)
        known = scaling + moved * (1 + scale) / 2 + longer + unexplained
        out.add(WEATHER, carrier, "", self.change(flow.kwh) - known, noise)


def _target_scale(target: Target, h: Hypothesis, later: int) -> float:
    """Factor on the balance's target in the reporting period, which begins at the hour `later`."""
    if target.inner:
        return 1.0
    fixed, scaled = float(np.nansum(target.fixed[later:])), float(np.nansum(target.scaled[later:]))
    if fixed + scaled <= 0:  # nothing was burnt at all, so nothing was burnt at another scale
        return 1.0
    scale = float(np.exp(h.efficiency + h.fuel_meter))
    return (fixed + scaled) / max(fixed + scaled / scale, 1e-9)
