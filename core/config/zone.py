"""What people know of a zone that no sensor says."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from core.errors import DomainError

CROWD_PER_M2: Final = 3.0
"""Nobody designs a room for more people a square metre; area and people were mixed up."""


class Zone(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Facts of one zone.

    Attributes
    ----------
    name
        The zone's path in its building, as in its points' ids: ``hall`` of ``torino/calvino/hall/heating-setpoint``.
    floor_area_m2
        None: not known.
    design_people
        Most people that it was designed for; None: not known. Where people are counted, the count wins.
    load_meter
        Point id of a meter of the zone's electricity, without heating and cooling; empty: none.
    """

    name: str
    floor_area_m2: float | None = None
    design_people: float | None = None
    load_meter: str = ""

    def __post_init__(self) -> None:
        area, people = self.floor_area_m2, self.design_people
        if area is not None and not 0 < area < math.inf:
            raise DomainError(f"zone {self.name}: floor_area_m2 is above 0, not {area:g}")
        if people is not None and not 0 <= people < math.inf:
            raise DomainError(f"zone {self.name}: design_people is 0 or more, not {people:g}")
        if area is not None and people is not None and people > CROWD_PER_M2 * area:
            raise DomainError(f"zone {self.name}: {people:g} people do not fit on {area:g} m²")
