"""The second simulated building is another kind of building than the library."""

from __future__ import annotations

from datetime import date

from simulators import calvino, pavilion

WEEK_MS = 7 * 86_400_000


def test_it_is_light_and_leaky_beside_the_library() -> None:
    light, heavy = pavilion.design(), calvino.design()

    def per_floor(design: object, quantity: str) -> float:
        zones = design.zones  # type: ignore[attr-defined]
        return (
            sum(getattr(z, quantity) * (z.floor_m2 if quantity == "mass_j_m2k" else 1) for z in zones) / design.floor_m2
        )  # type: ignore[attr-defined]

    assert per_floor(light, "mass_j_m2k") < 0.5 * per_floor(heavy, "mass_j_m2k")
    assert per_floor(light, "leakage_cm2") > per_floor(heavy, "leakage_cm2")


def test_it_keeps_every_joule() -> None:
    start = pavilion.calendar().midnight(date(2026, 1, 12))
    building = pavilion.build(start, seed=3, step_s=300)
    building.step(start + WEEK_MS)
    assert building.balance().residual < 1e-6
    assert building.truth().gas_kwh > 1000
    assert set(building.truth().people) == {"classrooms-south", "classrooms-north", "canteen"}
