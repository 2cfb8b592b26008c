"""Which loads the demand limit counts on: those that it may shed; of the others it is only said. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from control.demand_limit import Decision, Load, Memory, Window, decide
from core.calendar import HOUR_MS


def decide_with(
    limit_kw: float,
    window: Window | None,
    loads: Sequence[Load],
    memory: Memory,
    acting: Collection[str],
    *,
    now_ms: int,
    next_decision_s: int = 60,
) -> Decision:
    """As `control.demand_limit.decide`, where only some of the loads do what they are told.

    The meter shows what the acting loads do. The others are decided after them, for what is still too much, and by what
    the meter would show had they been shed as they were told.

    Parameters
    ----------
    acting
        Point ids of loads that are shed when that is proposed.

    Returns
    -------
    Decision
        What is missing (`short_kw`) is what the acting loads cannot bear; where there are none, what all cannot.
    """
    real = [load for load in loads if load.id in acting]
    told = [load for load in loads if load.id not in acting]
    done = decide(
        limit_kw, window, real, _of(memory, real), now_ms=now_ms, next_decision_s=next_decision_s,
    )  # fmt: skip
    seen = None
    if window is not None:
        expected = {load.id: load.sheddable.expected_kw for load in loads}
        begun = [kw for name, kw in expected.items() if name in done.memory.shed and name not in memory.shed]
        ended = [expected[load.id] for load in real if load.id in memory.shed and load.id not in done.memory.shed]
        away = {load.id: memory.shed[load.id] for load in told if load.id in memory.shed}
        spared_kwh = sum(
            expected[name] * max(0, now_ms - max(since_ms, window.start_ms)) / HOUR_MS
            for name, since_ms in away.items()
        )
        seen = replace(
            window,
            power_kw=window.power_kw - sum(begun) + sum(ended) - sum(expected[name] for name in away),
            energy_kwh=window.energy_kwh - spared_kwh,
        )
    said = decide(limit_kw, seen, told, _of(memory, told), now_ms=now_ms, next_decision_s=next_decision_s)
    both = Memory({**done.memory.shed, **said.memory.shed}, {**done.memory.released, **said.memory.released})
    return Decision(
        (*done.proposals, *said.proposals), both, done.projected_kw, done.short_kw if real else said.short_kw,
        {**done.until_ms, **said.until_ms},
    )  # fmt: skip


def _of(memory: Memory, loads: Sequence[Load]) -> Memory:
    """What is remembered of some loads."""
    names = {load.id for load in loads}
    return Memory(
        {name: since for name, since in memory.shed.items() if name in names},
        {name: at for name, at in memory.released.items() if name in names},
    )
