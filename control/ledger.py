"""What was asked of a building's points lately, followed in the registry without reading it all each time."""

from __future__ import annotations

from typing import Final

from control.arbiter import BY, REJECTED_REST_MS, Standing
from control.dispatch import is_in_force
from core.commands import Command
from core.priority import Slot
from stores.registry import CommandRecord, CommandState, Registry

OUR_SLOTS: Final = (Slot.DEMAND_LIMIT, Slot.SUPERVISORY)
_REFUSED_REST_MS: Final = 60_000
_PAGE: Final = 20
_DEEPEST: Final = 1000


class Ledger:
    """The commands of one building that still matter.

    Parameters
    ----------
    registry
        Where all of them are kept.
    building
        ``site/building``.
    """

    def __init__(self, registry: Registry, building: str) -> None:
        self._registry = registry
        self._building = building
        self._records: dict[str, CommandRecord] = {}
        self._seen_to = -1

    def refresh(self, now_ms: int) -> None:
        """Read what is new, and what has become of the commands that were open."""
        # Everything down to the newest seen is new; everything down to the oldest still open may have changed.
        open_ones = [r.sequence for r in self._records.values() if r.state.is_open]
        seen_to = min([self._seen_to, *open_ones])
        fresh: list[CommandRecord] = []
        while len(fresh) < _DEEPEST:
            after = fresh[-1].sequence if fresh else None
            page = self._registry.commands(building=self._building, limit=_PAGE, after=after)
            fresh += page
            if len(page) < _PAGE or page[-1].sequence <= seen_to:
                break
        if fresh:
            self._seen_to = fresh[0].sequence
        merged = self._records | {record.command.id: record for record in fresh}
        # A refused command matters for as long as it must rest; nothing else outlives its expiry.
        self._records = {k: r for k, r in merged.items() if r.command.expires_ms + REJECTED_REST_MS > now_ms}

    def standing(self, point: str, slot: int = Slot.SUPERVISORY) -> Standing | None:
        """Our newest command for a slot of a point, None when there is none of late."""
        ours = [
            r for r in self._records.values() if (r.command.point, r.command.slot, r.command.by) == (point, slot, BY)
        ]
        if not ours:
            return None
        newest = max(ours, key=lambda record: record.sequence)
        return Standing(
            value=newest.command.value,
            issued_ms=newest.command.issued_ms,
            expires_ms=newest.command.expires_ms,
            is_live=is_in_force(newest.state),
            is_rejected=newest.state in (CommandState.REJECTED, CommandState.FAILED),
        )

    def to_let_go(self, now_ms: int) -> list[Command]:
        """Our newest command of each point and slot that stands in its array, or may yet: what stopping must undo.

        One that failed may be tried again, so it counts. One that we let go of already does not, unless that was
        refused or lost; then it rests for a minute.
        """
        last: dict[tuple[str, int], Command] = {}
        refused_ms: dict[tuple[str, int], int] = {}
        for record in sorted(self._records.values(), key=lambda r: r.sequence):
            command, key = record.command, (record.command.point, record.command.slot)
            if command.by != BY or command.slot not in OUR_SLOTS:
                continue
            if is_in_force(record.state) or record.state is CommandState.FAILED:
                last[key] = command
                refused_ms.pop(key, None)
            elif command.value is None:
                refused_ms[key] = command.issued_ms
        return [
            command
            for key, command in last.items()
            if command.value is not None
            and command.expires_ms > now_ms
            and not (key in refused_ms and 0 <= now_ms - refused_ms[key] < _REFUSED_REST_MS)
        ]

    def is_held(self, point: str, now_ms: int, slot: int = Slot.SUPERVISORY) -> bool:
        """Whether somebody else has an entry in a stronger slot in force, as far as the registry knows.

        Our own demand limit holds nothing up: it wins in the array, and what supervisory control asks for meanwhile is
        in force as soon as it lets go.
        """
        newest: dict[int, CommandRecord] = {}
        of_point = [r for r in self._records.values() if r.command.point == point]
        for record in sorted(of_point, key=lambda r: r.sequence):
            # One that failed has left its slot empty.
            acted = is_in_force(record.state) or record.state is CommandState.FAILED
            is_other = record.command.by != BY or record.command.slot not in OUR_SLOTS
            if record.command.slot < slot and is_other and acted:
                newest[record.command.slot] = record
        return any(
            record.command.value is not None and is_in_force(record.state) and _ends_ms(record) > now_ms
            for record in newest.values()
        )


def _ends_ms(record: CommandRecord) -> int:
    """When an entry is gone from its gateway, which lets none outlive its life: a clock may have been ahead."""
    command = record.command
    if record.ended_ms is None:
        return command.expires_ms
    return min(command.expires_ms, record.ended_ms + command.expires_ms - command.issued_ms)
