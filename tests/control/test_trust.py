"""How far control is trusted, and what may become of a proposal: tables and properties of pure decisions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.arbiter import Standing
from control.trust import effective_mode, is_raise, is_same_value, weigh
from core.commands import Command
from stores.registry import Advice, AdviceState, StopChange, Trust, TrustMode

OFF, ADVISE, SUPERVISE, DRIVE = TrustMode
HALL = "torino/calvino/hall/heating-setpoint"
NOW = 10_000_000
STOP = StopChange("torino/calvino", True, NOW, "anna", "smoke")
MODES = st.sampled_from([ADVISE, SUPERVISE, DRIVE])


def trust(building: TrustMode, own: TrustMode | None = None, *, covered: bool = True, stopped: bool = False) -> Trust:
    return Trust(
        "torino/calvino",
        building,
        {} if own is None else {HALL: own},
        frozenset({HALL} if covered else ()),
        STOP if stopped else None,
    )


@pytest.mark.parametrize(
    ("ceiling", "kept", "expected"),
    [
        ("drive", Trust("torino/calvino"), ADVISE),
        ("drive", trust(DRIVE), DRIVE),
        ("supervise", trust(DRIVE), SUPERVISE),
        ("advise", trust(DRIVE), ADVISE),
        ("off", trust(DRIVE), OFF),
        ("drive", trust(DRIVE, SUPERVISE), SUPERVISE),
        ("drive", trust(SUPERVISE, DRIVE), SUPERVISE),
        ("drive", trust(ADVISE, DRIVE), ADVISE),
        ("drive", trust(DRIVE, covered=False), ADVISE),
        ("drive", trust(DRIVE, DRIVE, covered=False), DRIVE),
        ("drive", trust(DRIVE, stopped=True), ADVISE),
        ("drive", trust(DRIVE, DRIVE, stopped=True), ADVISE),
        ("off", trust(DRIVE, stopped=True), OFF),
    ],
)
def test_the_lowest_counts(ceiling: str, kept: Trust, expected: TrustMode) -> None:
    assert effective_mode(ceiling, kept, HALL) is expected


def test_the_building_as_a_whole_does_not_ask_for_points() -> None:
    assert effective_mode("drive", trust(DRIVE, ADVISE)) is DRIVE


@given(
    ceiling=st.sampled_from(list(TrustMode)), building=MODES, own=st.none() | MODES, covered=st.booleans(),
    stopped=st.booleans(),
)  # fmt: skip
def test_nothing_is_above_what_anybody_allows(
    *, ceiling: TrustMode, building: TrustMode, own: TrustMode | None, covered: bool, stopped: bool
) -> None:
    found = effective_mode(ceiling, trust(building, own, covered=covered, stopped=stopped), HALL)
    assert found.rank <= min(ceiling.rank, building.rank)
    assert own is None or found.rank <= own.rank
    assert not (stopped and found.may_send)
    assert not (own is None and not covered and found.may_send)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (ADVISE, ADVISE, False),
        (ADVISE, SUPERVISE, True),
        (SUPERVISE, SUPERVISE, True),
        (SUPERVISE, DRIVE, True),
        (DRIVE, DRIVE, True),
        (DRIVE, SUPERVISE, False),
        (DRIVE, ADVISE, False),
    ],
)
def test_what_lets_commands_out_raises_unless_it_is_less(
    *, before: TrustMode, after: TrustMode, expected: bool
) -> None:
    assert is_raise(before, after) is expected


def command(value: float | None = 20.5) -> Command:
    return Command("c1", HALL, 12, value, "control", "why", NOW, NOW + 1_000)


def kept(state: AdviceState) -> Advice:
    return Advice(
        id="a1", building="torino/calvino", point=HALL, slot=12, value=20.5, strategy="setback", why="why",
        mode=SUPERVISE, state=state, since_ms=0, lasts_ms=1_000,
    )  # fmt: skip


LIVE = Standing(20.5, NOW - 500, NOW + 500, is_live=True)
S = AdviceState


@pytest.mark.parametrize(
    ("mode", "asked", "before", "standing", "state", "sends"),
    [
        (OFF, command(), None, None, S.ADVISED, False),
        (ADVISE, command(), None, None, S.ADVISED, False),
        (ADVISE, command(), kept(S.APPROVED), LIVE, S.ADVISED, False),
        (ADVISE, command(None), kept(S.SENT), LIVE, S.ADVISED, False),
        (DRIVE, command(), None, None, S.SENT, True),
        (DRIVE, None, None, LIVE, S.SENT, False),
        (SUPERVISE, command(), None, None, S.WAITING, False),
        (SUPERVISE, command(), kept(S.WAITING), None, S.WAITING, False),
        (SUPERVISE, command(16.0), None, LIVE, S.WAITING, False),
        (SUPERVISE, command(None), None, LIVE, S.SENT, True),
        (SUPERVISE, command(), kept(S.APPROVED), LIVE, S.APPROVED, True),
        (SUPERVISE, command(), kept(S.SENT), LIVE, S.SENT, True),
        (SUPERVISE, None, kept(S.APPROVED), LIVE, S.APPROVED, False),
        (SUPERVISE, None, None, None, S.ADVISED, False),
        # What was approved has run out, was refused or failed: that is a change, and needs a new yes.
        (SUPERVISE, command(), kept(S.APPROVED), None, S.WAITING, False),
        (SUPERVISE, command(), kept(S.APPROVED), Standing(20.5, 0, NOW, is_live=True), S.WAITING, False),
        (SUPERVISE, command(), kept(S.SENT), Standing(20.5, 0, NOW + 9, is_live=False), S.WAITING, False),
    ],
)
def test_what_becomes_of_a_proposal(
    *, mode: TrustMode, asked: Command | None, before: Advice | None, standing: Standing | None, state: S, sends: bool
) -> None:
    verdict = weigh(asked, before, standing, mode=mode, now_ms=NOW)
    assert (verdict.state, verdict.sends) == (state, sends)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [(None, None, True), (None, 0.0, False), (0.0, None, False), (20.5, 20.52, True), (20.5, 20.6, False)],
)
def test_same_value(*, a: float | None, b: float | None, expected: bool) -> None:
    assert is_same_value(a, b) is expected
