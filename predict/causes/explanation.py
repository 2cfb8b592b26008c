"""What explains the change of a building's energy: causes, their kWh, and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

CAUSES: Final = (
    "weather", "use_and_schedule", "setpoint", "envelope", "system_efficiency", "metering", "unexplained",
)  # fmt: skip
WEATHER, USE, SETPOINT, ENVELOPE, EFFICIENCY, METERING, UNEXPLAINED = CAUSES


@dataclass(frozen=True, slots=True)
class Part:
    """What one cause adds to the change, kWh, with its 90 % interval.

    Attributes
    ----------
    detail
        Parts of it by name, kWh: ``people``, ``gas``, …
    """

    cause: str
    kwh: float
    low: float
    high: float
    detail: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The change of what a building buys, by cause.

    Attributes
    ----------
    reference_kwh, reporting_kwh
        Energy of the two periods; the reference's is scaled to the hours of the reporting period.
    total_kwh
        Their difference, which is the sum of the parts.
    parts
        One for each of `CAUSES`, in their order.
    by_carrier
        The same split by what was bought: carrier to cause to kWh.
    hypotheses
        What may have changed unseen, the most probable first: name to probability.
    meters
        Names of the meters that were added up.
    missing
        Sentences on what is not measured.
    """

    reference_kwh: float
    reporting_kwh: float
    total_kwh: float
    parts: tuple[Part, ...]
    by_carrier: dict[str, dict[str, float]]
    hypotheses: dict[str, float]
    meters: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def ranked(self) -> list[Part]:
        """The parts but the weather, the largest first."""
        return sorted((p for p in self.parts if p.cause != WEATHER), key=lambda p: -abs(p.kwh))
