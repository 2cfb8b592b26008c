from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DomainError, NotFoundError
from simulators.idf.model import Idf, IdfObject, conditioned_zones, for_run, reporting, zones_of
from tests.simulators.idf.models import model

WORDS = st.text(st.characters(exclude_characters=",;!\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=12).map(
    str.strip
)


def test_a_model_is_read_without_its_comments() -> None:
    idf = model()

    assert idf.objects[0] == IdfObject("Version", ("26.1",))
    assert idf.find("Coil:Heating:Fuel", "burner").field(3) == "0.8"
    assert idf.find("Schedule:", "heating").kind == "Schedule:Compact"


@given(st.lists(st.tuples(WORDS.filter(bool), st.lists(WORDS, max_size=4)), max_size=4))
def test_what_is_written_is_read_back(objects: list[tuple[str, list[str]]]) -> None:
    idf = Idf(tuple(IdfObject(kind, tuple(fields)) for kind, fields in objects))

    assert Idf.parse(idf.text()) == idf


def test_a_broken_model_is_an_error() -> None:
    with pytest.raises(DomainError, match="within an object"):
        Idf.parse("Version, 26.1; Zone, North")


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(NotFoundError, match="'Attic'"):
        model().find("Zone", "Attic")


def test_a_field_beyond_the_end_can_be_set() -> None:
    assert IdfObject("Zone", ("North",)).with_field(2, "5").fields == ("North", "", "5")
    assert IdfObject("Zone", ()).name == IdfObject("Zone", ("North",)).field(7) == ""


def test_a_run_simulates_its_days_and_nothing_else() -> None:
    idf = for_run(model(), date(2023, 1, 9), date(2023, 3, 1), steps_per_hour=4)

    (period,) = idf.all("RunPeriod")
    assert period.fields[1:8] == ("1", "9", "2023", "2", "28", "2023", "")
    (control,) = idf.all("SimulationControl")
    assert control.fields[:5] == ("Yes", "Yes", "Yes", "No", "Yes")  # sizing is kept
    assert [item.name for item in idf.all("Timestep")] == ["4"]
    assert not any(item.kind.startswith("Output") for item in idf.objects)
    assert any(idf.all("RunPeriodControl:SpecialDays"))


def test_the_models_own_time_step_is_kept() -> None:
    assert [item.name for item in for_run(model(), date(2023, 1, 1), date(2023, 1, 2)).all("Timestep")] == ["6"]


@pytest.mark.parametrize(
    ("first", "end", "steps"),
    [("2023-01-02", "2023-01-02", 4), ("2023-12-30", "2024-01-02", 4), ("2023-01-01", "2023-01-02", 7)],
)
def test_an_impossible_run_is_an_error(first: str, end: str, steps: int) -> None:
    with pytest.raises(DomainError):
        for_run(model(), date.fromisoformat(first), date.fromisoformat(end), steps_per_hour=steps)


def test_reports_are_asked_for() -> None:
    idf = reporting(model(), ["Zone People Occupant Count"], ["Fans:Electricity"], "Hourly")

    assert idf.objects[-2:] == (
        IdfObject("Output:Variable", ("*", "Zone People Occupant Count", "Hourly")),
        IdfObject("Output:Meter", ("Fans:Electricity", "Hourly")),
    )
    assert any(idf.all("Output:SQLite"))


def test_zones_with_a_thermostat_are_found_through_lists() -> None:
    assert conditioned_zones(model()) == ("North", "South", "Main Hall")
    assert zones_of(model(), "North") == ("North",)
