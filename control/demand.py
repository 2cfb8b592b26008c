"""Reads what the demand limit decides from: the metering window, and the loads with what people feel of them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from control.demand_limit import Decision, Load, Memory, Sheddable, Window, window_of_power, window_of_register
from control.demand_share import decide_with
from control.gather import judge_input
from control.proposal import Proposal
from control.view import NOT_MEASURED
from core.calendar import MINUTE_MS
from core.config.control import DemandLimit, SheddableLoad
from core.errors import DomainError
from core.points import Measure, Point
from core.units import UNITS, convert
from predict.series import usable
from stores.port import ReadingStore

log = logging.getLogger("promessa.control")

_SHORT_KW: Final = 0.5


class Demand:
    """The demand limit of one building, from store to proposals.

    Parameters
    ----------
    settings
        As configured.

    Attributes
    ----------
    memory : Memory
        What is shed; lost at a restart, everything comes back.
    """

    def __init__(self, settings: DemandLimit) -> None:
        self.settings = settings
        self.memory = Memory()
        self._reported: set[str] = set()

    def decide(
        self,
        store: ReadingStore,
        points: Mapping[str, Point],
        held: Collection[str],
        data_ms: int,
        acting: Collection[str] | None = None,
    ) -> tuple[list[Proposal], Decision]:
        """What each load should be told now.

        Parameters
        ----------
        points
            Of the building, by id.
        held
            Points that somebody overrides: they cannot be shed, so nothing is expected of them.
        data_ms
            Newest data, UTC milliseconds.
        acting
            Points that are shed when that is proposed; None: all. Of the others it is only said what they would do.

        Returns
        -------
        list of Proposal
            One a load that can be driven; a shed one's command must end when the load must have come back.
        Decision
            What they were made from.
        """
        limit = self.settings
        loads = [load for load in limit.loads if load.point not in held]
        decision = decide_with(
            limit.limit_kw,
            self._window(store, points.get(limit.meter), data_ms),
            self._loads(store, points, loads, data_ms),
            self.memory,
            [load.point for load in loads] if acting is None else acting,
            now_ms=data_ms,
            next_decision_s=limit.decide_every_s,
        )
        self.memory = decision.memory
        self._report("short", decision.short_kw > _SHORT_KW, f"{decision.short_kw:.0f} kW more should be shed than may")
        return [replace(p, until_ms=decision.until_ms.get(p.point.id)) for p in decision.proposals], decision

    def resume(self, shed: Collection[str], data_ms: int) -> None:
        """Begin anew after a restart: since when `shed` (point ids) stand is lost, so they come back and rest."""
        self.memory = Memory(released=dict.fromkeys(shed, data_ms))

    def note_late(self, late_s: float) -> None:
        """Say so when data come too late to decide on: then nothing is shed, and what is runs out."""
        self._report("late", late_s > self.settings.stale_after_s, f"data come {late_s:.0f} s late; nothing is shed")

    def device_values(self, store: ReadingStore, data_ms: int, stale_after_s: int) -> dict[str, float]:
        """What the devices of loads hold, by point id, where it is known."""
        latest = store.latest([load.point for load in self.settings.loads])
        held = {point: judge_input(reading, data_ms, stale_after_s).value for point, reading in latest.items()}
        return {point: value for point, value in held.items() if value is not None}

    def _window(self, store: ReadingStore, meter: Point | None, data_ms: int) -> Window | None:
        limit = self.settings
        window_s = limit.window_minutes * 60
        window = None
        if meter is not None:
            from_ms = data_ms // (window_s * 1000) * window_s * 1000 - limit.stale_after_s * 1000
            try:
                window = window_of(store, meter, from_ms, data_ms, limit)
            except DomainError as error:
                self._report("meter", True, error.message)
                return None
        self._report("meter", window is None, f"{limit.meter} gives no demand; nothing is shed")
        return window

    def _loads(
        self, store: ReadingStore, points: Mapping[str, Point], configured: list[SheddableLoad], data_ms: int
    ) -> list[Load]:
        sensors = [load.comfort_sensor for load in configured if load.comfort_sensor]
        latest = store.latest(sensors) if sensors else {}
        loads = []
        for load in configured:
            point = points.get(load.point)
            if point is None:
                continue
            try:
                sheddable = Sheddable(
                    point, load.shed_value, load.rank, load.expected_kw, load.least_shed_s, load.longest_shed_s,
                    load.rest_s, load.comfort_low, load.comfort_high, load.comfort_margin,
                )  # fmt: skip
            except DomainError as error:
                self._report(load.point, True, error.message)
                continue
            sensor = load.comfort_sensor
            felt = judge_input(latest.get(sensor), data_ms, _room_stale_s(self.settings)) if sensor else NOT_MEASURED
            loads.append(Load(sheddable, felt))
        return loads

    def _report(self, what: str, is_so: bool, text: str) -> None:  # noqa: FBT001 - it is what is reported
        """Log a trouble when it begins, not every minute."""
        if is_so and what not in self._reported:
            log.warning("demand_limit meter=%s reason=%r", self.settings.meter, text)
        (self._reported.add if is_so else self._reported.discard)(what)


def window_of(store: ReadingStore, meter: Point, from_ms: int, now_ms: int, limit: DemandLimit) -> Window | None:
    """The running metering window, None when the meter says too little.

    Parameters
    ----------
    from_ms
        Before the window begins, UTC milliseconds.

    Raises
    ------
    DomainError
        The meter gives neither power nor the total of a register.
    """
    series = usable(store.read(meter.id, from_ms, now_ms + 1))
    dimension = UNITS[meter.unit].dimension
    if meter.measure is Measure.INSTANT and dimension == "power":
        target, window = "kW", window_of_power
    elif meter.measure is Measure.REGISTER and dimension == "energy":
        target, window = "kW.h", window_of_register
    else:
        raise DomainError(
            f"{meter.id}: a demand limit needs a power or a register, not {meter.measure} in {meter.unit}"
        )
    scale = convert(1.0, meter.unit, target)
    samples = list(zip(series.time_ms.tolist(), (series.value * scale).tolist(), strict=True))
    return window(samples, now_ms=now_ms, window_s=limit.window_minutes * 60, stale_after_s=limit.stale_after_s)


def _room_stale_s(limit: DemandLimit) -> int:
    """Rooms move slower than meters: a sensor counts for a quarter of an hour, or as long as the meter does."""
    return max(limit.stale_after_s, 15 * MINUTE_MS // 1000)
