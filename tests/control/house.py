"""A building of its own in the registry, with a gateway that is played."""

from __future__ import annotations

from itertools import count

from control import consent
from control.advice import obey_stop, settle
from control.arbiter import BY
from control.ledger import Ledger
from control.proposal import Proposal
from core.commands import Command, Outcome, Result
from core.config.control import Control as Settings
from core.config.models import Building
from core.points import Limits, Point
from core.priority import Entry, PriorityArray, Slot
from stores.registry import Advice, CommandState, Registry, TrustMode

ADVISE, SUPERVISE, DRIVE = TrustMode.ADVISE, TrustMode.SUPERVISE, TrustMode.DRIVE

MINUTE = 60_000
START = 1_768_381_200_000
INTERVAL = 15 * MINUTE


class House:
    """A building of its own in the registry, its gateway, and control's decisions."""

    def __init__(self, registry: Registry, name: str, ceiling: str = "drive", points: int = 2) -> None:
        self.id = f"torino/{name}"
        self.registry = registry
        self.now = START
        self.points = [
            Point(f"{self.id}/z{i}/heating-setpoint", "Setpoint", "Cel", limits=Limits(5.0, 26.0, 18.0))
            for i in range(points)
        ]
        self.settings = Settings(mode=ceiling, setpoints=[p.id for p in self.points])  # type: ignore[arg-type]
        registry.put_building(Building(id=self.id, control=self.settings))
        registry.declare_points(f"torino/{name}", self.points, self.now)
        self.arrays = {p.id: PriorityArray() for p in self.points}
        self.asked_ms: dict[tuple[str, int], int] = {}
        self.delivered: set[str] = set()
        self.restart()

    def restart(self) -> None:
        """Control begins anew: what it knows is in the registry."""
        self.ledger = Ledger(self.registry, self.id)

    def decide(self, *values: float | None, why: str = "Because.", effect: str = "-2 kWh") -> list[str]:
        proposals = [
            Proposal(point, value, "setback", why, "towt v3", effect)
            for point, value in zip(self.points, values, strict=False)
        ]
        return settle(
            self.registry, self.ledger, self.settings, proposals,
            building=self.id, device_values={}, now_ms=self.now,
        )  # fmt: skip

    def turn(self) -> None:
        """What the loop does with a stop at each turn."""
        obey_stop(self.registry, self.ledger, self.settings, self.id, self.now)
        self.deliver()

    def deliver(self, outcome: Outcome = Outcome.APPLIED) -> None:
        """The gateway gets what waits and answers; letting go is never refused."""
        for record in reversed(self.registry.commands(building=self.id, limit=1000)):
            command = record.command
            if record.state is not CommandState.QUEUED or command.id in self.delivered:
                continue
            self.delivered.add(command.id)
            self.registry.mark_sent(command.id, self.now)
            key = (command.point, command.slot)
            answer = Outcome.APPLIED if command.value is None or command.slot == Slot.PERSON else outcome
            if command.expires_ms <= self.now:
                answer = Outcome.EXPIRED
            elif command.issued_ms < self.asked_ms.get(key, 0):
                answer = Outcome.SUPERSEDED
            array = self.arrays[command.point]
            if answer in (Outcome.APPLIED, Outcome.FAILED):
                self.asked_ms[key] = command.issued_ms
            if answer is Outcome.APPLIED and command.value is not None:
                entry = Entry(command.value, command.by, command.why, command.expires_ms, command.id)
                array = array.put(command.slot, entry)
            elif answer in (Outcome.APPLIED, Outcome.FAILED):
                array = array.relinquish(command.slot)
            self.arrays[command.point] = array
            self.registry.record_result(Result(command.id, command.point, answer, self.now))

    def override(self, value: float | None, point: int = 0, minutes: int = 240) -> None:
        command = Command(
            f"p{next(ids)}", self.points[point].id, Slot.PERSON, value, "anna", "A meeting.",
            self.now, self.now + minutes * MINUTE,
        )  # fmt: skip
        self.registry.queue_command(command)
        self.deliver()

    def ours(self) -> dict[str, float]:
        """What stands in force of control's, by point."""
        found = {}
        for point, array in self.arrays.items():
            for slot, entry in array.expire(self.now)[0].slots.items():
                if slot in (Slot.DEMAND_LIMIT, Slot.SUPERVISORY):
                    found[point] = entry.value
        return found

    def advice(self, point: int = 0) -> Advice:
        return self.registry.open_advice(self.id)[self.points[point].id]

    def trust(self, mode: TrustMode, point: int | None = None) -> None:
        consent.set_trust(
            self.registry, self.id, mode, by="anna", why="it made sense", now_ms=self.now,
            point_id="" if point is None else self.points[point].id,
        )  # fmt: skip
        self.deliver()

    def sent(self) -> list[Command]:
        """Control's commands, oldest first."""
        records = self.registry.commands(building=self.id, limit=1000)
        return [r.command for r in reversed(records) if r.command.by == BY]


ids = count()
