"""What of the proposals becomes a command."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.arbiter import Standing, arbitrate
from control.proposal import Proposal
from core.commands import Command
from core.points import Limits, Point
from core.priority import Slot
from tests.control.views import setpoint

NOW = 1_768_380_000_000
INTERVAL = 900_000
HALL = setpoint().id


def run(
    value: float | None,
    standing: Standing | None = None,
    *,
    held: bool = False,
    device: float | None = None,
    point: Point | None = None,
) -> list[Command]:
    numbers = itertools.count(1)
    commands = arbitrate(
        [Proposal(point or setpoint(), value, "setback", "Because.")],
        {(HALL, 12): standing} if standing else {},
        {(HALL, 12)} if held else set(),
        device_values={} if device is None else {HALL: device},
        now_ms=NOW,
        interval_ms=INTERVAL,
        new_id=lambda: f"c{next(numbers)}",
    )
    return [command for command, _ in commands]


def ours(value: float | None, left: float = 3, age: float = 0, **how: bool) -> Standing:
    return Standing(value, NOW - int(age * INTERVAL), NOW + int(left * INTERVAL), **{"is_live": True} | how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "standing", "sent"),
    [
        (20.5, None, 20.5),
        (20.5, ours(16.0), 20.5),
        (20.5, ours(20.5), "nothing"),
        (20.5, ours(20.52, left=2), "nothing"),
        (20.5, ours(20.5, left=1.5), 20.5),
        (20.5, ours(20.5, left=-1), 20.5),
        (20.5, ours(20.5, left=99, age=-96), 20.5),
        (None, ours(20.5, left=99, age=-96), None),
        (20.5, ours(20.5, is_live=False), 20.5),
        (20.5, ours(20.5, is_live=False, is_rejected=True, age=1), "nothing"),
        (20.5, ours(20.5, is_live=False, is_rejected=True, age=5), 20.5),
        (20.5, ours(16.0, is_live=False, is_rejected=True, age=1), 20.5),
        (20.5, ours(20.5, is_live=False, is_rejected=True, age=-90), 20.5),
        (None, None, "nothing"),
        (None, ours(20.5), None),
        (None, ours(20.5, left=-1), "nothing"),
        (None, ours(None), "nothing"),
        (20.5, ours(None), 20.5),
    ],
    ids=[
        "first", "change", "same", "same, rounded", "about to run out", "ran out",
        "asked for while the clock was ahead", "let go of what was asked while the clock was ahead",
        "did not work", "refused lately", "refused long ago", "another was refused", "refused in the future",
        "nothing to let go", "let go",
        "ran out by itself", "let go already", "taken up again",
    ],
)  # fmt: skip
def test_only_what_changes_or_runs_out_is_sent(
    value: float | None, standing: Standing | None, sent: float | str | None
) -> None:
    assert [c.value for c in run(value, standing)] == ([] if sent == "nothing" else [sent])


def test_a_command_carries_who_why_and_when_it_ends() -> None:
    (command,) = run(20.5)
    assert (command.slot, command.by, command.why) == (12, "control", "Because.")
    assert (command.issued_ms, command.expires_ms) == (NOW, NOW + 3 * INTERVAL)


@pytest.mark.parametrize("value", [20.5, None])
def test_a_person_is_never_fought(value: float | None) -> None:
    assert run(value, ours(16.0), held=True) == []


@pytest.mark.parametrize(
    ("value", "limits", "device", "sent"),
    [
        (30.0, Limits(5, 26, 18), None, 26.0),
        (1.0, Limits(5, 26, 18), None, 5.0),
        (20.5, Limits(5, 26, 18, max_step=2.0), 16.0, 18.0),
        (16.0, Limits(5, 26, 18, max_step=2.0), 20.5, 18.5),
        (20.5, Limits(5, 26, 18, max_step=2.0), None, 20.5),
        (20.5, Limits(5, 26, 18, max_step=2.0), 40.0, 26.0),
    ],
    ids=["above", "below", "step up", "step down", "device unknown", "device outside its limits"],
)
def test_values_are_kept_within_what_the_point_may_be_told(
    value: float, limits: Limits, device: float | None, sent: float
) -> None:
    assert [c.value for c in run(value, device=device, point=setpoint(limits=limits))] == [sent]


@pytest.mark.parametrize(
    ("age", "sent"),
    [(0.5, []), (1.5, [20.5]), (-90, [20.5])],
    ids=["too soon", "later", "changed while clock was ahead"],
)
def test_a_device_is_left_alone_between_changes(age: float, sent: list[float]) -> None:
    slow = setpoint(limits=Limits(5, 26, 18, min_interval_s=900))
    assert [c.value for c in run(20.5, ours(16.0, age=age), point=slow)] == sent


@given(
    value=st.floats(-1e3, 1e3),
    device=st.none() | st.floats(-1e3, 1e3),
    before=st.none() | st.floats(0, 40),
    max_step=st.none() | st.floats(0.1, 10),
    left=st.floats(-5, 3),
)
def test_whatever_is_proposed_what_is_sent_is_allowed(
    *, value: float, device: float | None, before: float | None, max_step: float | None, left: float
) -> None:
    limits = Limits(5.0, 26.0, 18.0, max_step=max_step)
    standing = None if before is None else ours(before, left=left, age=3 - left)
    for command in run(value, standing, device=device, point=setpoint(limits=limits)):
        assert command.value is not None
        assert limits.minimum <= command.value <= limits.maximum
        if max_step is not None and device is not None and limits.minimum <= device <= limits.maximum:
            assert abs(command.value - device) <= max_step + 0.01


def test_letting_go_never_waits() -> None:
    slow = setpoint(limits=Limits(5, 26, 18, min_interval_s=900))
    assert [c.value for c in run(None, ours(16.0, age=0.1), point=slow)] == [None]


def test_a_point_that_cannot_be_driven_gets_nothing() -> None:
    assert run(20.5, point=Point(HALL, "Zone_Air_Heating_Temperature_Setpoint", "Cel")) == []


@pytest.mark.parametrize(
    ("limits", "held", "value", "sent"),
    [
        (Limits(0, 1, 0.2), 0.2, 0.204, False),
        (Limits(0, 1, 0.2), 0.2, 0.206, True),
        (Limits(0, 1, 0.2), 0.2, 0.196, False),
        (Limits(0, 1, 0.2), 0.2, 0.19, True),
        (Limits(0, 1, 0), 0.0, 1.0, True),
        (Limits(0, 100, 20), 20.0, 20.04, False),
        (Limits(0, 100, 20), 20.0, 20.06, True),
        (Limits(5, 26, 18), 20.5, 20.54, False),
        (Limits(5, 26, 18), 20.5, 20.56, True),
        (Limits(20, 20, 20), 20.0, 20.0, False),
    ],
    ids=[
        "a share, nearly", "a share, more", "a share, nearly less", "a share, less", "a fan", "per cent, nearly",
        "per cent, more", "a temperature, nearly", "a temperature, more", "nothing to choose",
    ],
)  # fmt: skip
def test_what_is_the_same_follows_the_range_of_the_point(
    *, limits: Limits, held: float, value: float, sent: bool
) -> None:
    assert bool(run(value, ours(held), point=setpoint(limits=limits))) is sent


@pytest.mark.parametrize(
    ("ends_in", "before", "expires_in"),
    [
        (1.0, None, [1.0]),
        (9.0, None, [3.0]),
        (0.0, None, []),
        (-1.0, None, []),
        (1.0, ours(16.0, left=1.0, age=2), []),
        (2.0, ours(16.0, left=1.0, age=2), [2.0]),
    ],
    ids=["cut short", "as always", "over now", "over", "stands until then", "renewed until then"],
)
def test_a_proposal_says_when_its_command_must_have_ended(
    ends_in: float, before: Standing | None, expires_in: list[float]
) -> None:
    shed = Proposal(
        setpoint(), 16.0, "demand-limit", "Because.", slot=Slot.DEMAND_LIMIT, until_ms=NOW + int(ends_in * INTERVAL)
    )
    commands = arbitrate(
        [shed], {(HALL, 10): before} if before else {}, set(),
        device_values={}, now_ms=NOW, interval_ms=INTERVAL, new_id=lambda: "c",
    )  # fmt: skip
    assert [(c.slot, (c.expires_ms - NOW) / INTERVAL) for c, _ in commands] == [(10, e) for e in expires_in]


def test_slots_of_one_point_are_asked_for_apart() -> None:
    both = [
        Proposal(setpoint(), 20.5, "setback", "Because."),
        Proposal(setpoint(), 16.0, "demand-limit", "Because.", slot=Slot.DEMAND_LIMIT),
    ]
    numbers = itertools.count(1)
    commands = arbitrate(
        both, {(HALL, 12): ours(20.5)}, {(HALL, 8)},
        device_values={}, now_ms=NOW, interval_ms=INTERVAL, new_id=lambda: f"c{next(numbers)}",
    )  # fmt: skip
    assert [(c.slot, c.value) for c, _ in commands] == [(10, 16.0)]
