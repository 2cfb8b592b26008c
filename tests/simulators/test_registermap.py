import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DomainError
from simulators import calvino
from simulators.registermap import Entry, check_map


@pytest.mark.parametrize(
    ("entry", "value", "cells"),
    [
        (Entry(name="a", table="input", address=0, scale=0.1), -3.2, [0xFFE0]),
        (Entry(name="a", table="input", address=0, kind="uint16"), 40_000, [40_000]),
        (Entry(name="a", table="input", address=0, kind="uint32", scale=0.1), 412_300.5, [0x003E, 0xE97D]),
        (Entry(name="a", table="input", address=0, kind="uint32", word_order="little"), 0x12345678, [0x5678, 0x1234]),
        (Entry(name="a", table="input", address=0, kind="float32"), 1.5, [0x3FC0, 0]),
        (Entry(name="a", table="coil", address=0), 1.0, [1]),
    ],
)
def test_values_stand_in_registers_as_written(entry: Entry, value: float, cells: list[int]) -> None:
    assert entry.cells(value) == cells
    assert entry.value(cells) == pytest.approx(value)


@pytest.mark.parametrize(("value", "shown"), [(-5.0, 0.0), (1e9, 65_535.0)])
def test_values_beyond_the_type_stop_at_its_end(value: float, shown: float) -> None:
    entry = Entry(name="a", table="input", address=0, kind="uint16")

    assert entry.value(entry.cells(value)) == shown


@pytest.mark.parametrize(
    ("entry", "cells"),
    [
        (Entry(name="a", table="input", address=0), [0x8000]),
        (Entry(name="a", table="input", address=0, kind="uint16"), [0xFFFF]),
        (Entry(name="a", table="input", address=0, kind="uint32"), [0xFFFF, 0xFFFF]),
        (Entry(name="a", table="input", address=0, kind="float32"), [0x7FC0, 0]),
        (Entry(name="a", table="discrete", address=0), [0]),
    ],
)
def test_a_sensor_that_is_not_there_shows_as_such(entry: Entry, cells: list[int]) -> None:
    assert entry.cells(float("nan")) == cells


@given(st.floats(-3000, 3000))
def test_rounding_is_at_most_half_a_digit(value: float) -> None:
    entry = Entry(name="a", table="input", address=0, scale=0.1)

    assert entry.value(entry.cells(value)) == pytest.approx(value, abs=0.0501)


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (Entry(name="b", table="input", address=1), "overlap"),
        (Entry(name="a", table="input", address=9), "twice"),
    ],
)
def test_a_map_that_contradicts_itself_is_refused(second: Entry, reason: str) -> None:
    first = Entry(name="a", table="input", address=0, kind="float32")

    with pytest.raises(DomainError, match=reason):
        check_map([first, second])


def test_every_point_of_the_library_has_its_register() -> None:
    entries = {f"{calvino.BUILDING}/{e.name}": e for e in calvino.register_map()}
    points = {p.id: p for p in calvino.device_points()}

    check_map(calvino.register_map())
    assert points.keys() == entries.keys()
    for name, point in points.items():
        assert (point.limits is not None) == (entries[name].table in ("coil", "holding"))
        assert (point.schedule is not None) == (point.limits is not None)


def test_the_library_takes_everything_that_limits_allow() -> None:
    entries = {f"{calvino.BUILDING}/{e.name}": e for e in calvino.register_map()}

    for point in calvino.device_points():
        if point.limits is not None:
            entry = entries[point.id]
            assert entry.lowest <= point.limits.minimum
            assert entry.highest >= point.limits.maximum
