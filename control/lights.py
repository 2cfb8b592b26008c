"""Reads what lighting decides from: each room's illuminance, people and dimmer, with what is remembered of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from control.gather import judge_input
from control.lighting import Lamps, Memory, Room, Target, propose, remember
from control.proposal import Proposal
from core.config.control import Light
from core.errors import DomainError
from core.points import Point
from stores.port import ReadingStore

log = logging.getLogger("promessa.control")


class Lights:
    """The lamps of one building, from store to proposals.

    Parameters
    ----------
    settings
        As configured.
    """

    def __init__(self, settings: Sequence[Light]) -> None:
        self.settings = tuple(settings)
        self._memories: dict[str, Memory] = {}
        self._reported: set[str] = set()

    def decide(
        self, store: ReadingStore, points: Mapping[str, Point], data_ms: int
    ) -> tuple[list[Proposal], dict[str, float]]:
        """What each dimmer should be told now; one that no gateway has declared is left out.

        Parameters
        ----------
        points
            Of the building, by id.
        data_ms
            Newest data, UTC milliseconds.

        Returns
        -------
        list of Proposal
            One a dimmer.
        dict of str to float
            What the dimmers hold, by point id, where it is known.
        """
        latest = store.latest(
            [point for light in self.settings for point in (light.dimmer, light.sensor, light.people)]
        )
        proposals, held = [], {}
        for light in self.settings:
            lamps = self._lamps(light, points.get(light.dimmer))
            if lamps is None:
                continue
            sensor, people, dimmer = (
                judge_input(latest.get(point), data_ms, light.stale_after_s)
                for point in (light.sensor, light.people, light.dimmer)
            )
            if dimmer.value is not None:
                held[light.dimmer] = dimmer.value
            room = Room(data_ms, sensor, people, dimmer)
            before = self._memories.get(light.dimmer)
            memory = remember(lamps, room, before or Memory())
            self._memories[light.dimmer] = memory
            proposals.append(propose(lamps, room, memory, before))
        return proposals, held

    def _lamps(self, light: Light, point: Point | None) -> Lamps | None:
        if point is None:
            return None
        try:
            return Lamps(
                point, Target(light.name, light.target_lux, light.target_source), light.full_lux,
                light.desk_per_sensor, light.least_dim, light.hold_s, light.fade_down_per_min, light.fade_up_per_min,
            )  # fmt: skip
        except DomainError as error:
            if light.dimmer not in self._reported:
                log.warning("light_unusable dimmer=%s code=%s reason=%r", light.dimmer, error.code, error.message)
                self._reported.add(light.dimmer)
            return None
