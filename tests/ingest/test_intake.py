"""From MQTT to the store, over a real broker: what is stored, acknowledged, refused and marked."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.codec import Batch, encode
from core.points import Counter, Measure, Plausible, Point
from core.readings import Quality
from core.topics import Channel
from tests.ingest.conftest import NOW_MS, Rig

pytestmark = pytest.mark.system

POINT = "site/building/temperature"
OTHER = "site/building/other"
HOUR = 3_600_000


def temperature(point: str = POINT, **plausible: float) -> Point:
    return Point(point, "Zone_Air_Temperature_Sensor", "Cel", plausible=Plausible(**plausible))  # type: ignore[arg-type]


def meter(rollover: float = 1000.0) -> Point:
    counter = Counter(rollover=rollover, max_rate_per_h=10.0, resolution=0.1)
    return Point(POINT, "Building_Electrical_Meter", "kW.h", Measure.REGISTER, counter=counter)


def test_batch_is_stored_and_then_acknowledged_to_its_gateway(rig: Rig) -> None:
    rig.declare(temperature())
    rig.deliver((POINT, NOW_MS - 2000, 20.5, 0), (POINT, NOW_MS - 1000, 20.6, 64), batch="one")

    assert rig.stored(POINT) == [(NOW_MS - 2000, 20.5), (NOW_MS - 1000, 20.6)]
    assert rig.qualities(POINT) == [Quality.GOOD, Quality.UNCERTAIN]
    (stored,) = rig.gateway().stored
    assert (stored.ids, stored.until_ms) == (["one"], NOW_MS - 1000)
    assert rig.ingest.counters().newest_age_s(NOW_MS) == 1.0


@pytest.mark.parametrize(
    "payload",
    [
        b'["site/building/temperature", 1779999999000, 20]',
        b'["site/building/temperature", 1779999999000, 20.0, 0]',
        b'{"point": "site/building/temperature", "time": 1779999999000, "value": 20}',
    ],
)
def test_single_reading_is_stored_without_a_batch(rig: Rig, payload: bytes) -> None:
    rig.gateway().send(payload)
    rig.until(lambda: rig.stored(POINT) == [(1_779_999_999_000, 20.0)])


def test_batch_delivered_twice_is_stored_once_and_acknowledged_twice(rig: Rig) -> None:
    rig.declare(temperature(max_step=5.0))
    rows = [(POINT, NOW_MS - 2000, 20.0, 0), (POINT, NOW_MS - 1000, 30.0, 0)]
    rig.deliver(*rows, batch="one")
    rig.deliver(*rows, batch="one")
    assert rig.qualities(POINT) == [Quality.GOOD, Quality.UNCERTAIN_JUMP]
    assert rig.gateway().stored_ids == ["one", "one"]


def test_store_away_and_back_loses_nothing_and_acknowledges_nothing_before(rig: Rig) -> None:
    rig.declare(temperature())
    rig.store.plugged = False
    for i in range(200):
        rig.gateway().send(encode(Batch(f"b{i}", [(POINT, NOW_MS - 1000 * i, float(i), 0)])))
    rig.turn(50)
    assert (rig.gateway().stored, rig.stored(POINT)) == ([], [])
    assert rig.ingest.counters().waiting
    rig.store.plugged = True
    rig.until(lambda: len(rig.stored(POINT)) == 200)
    rig.until(lambda: sorted(rig.gateway().stored_ids) == sorted(f"b{i}" for i in range(200)))
    assert not rig.ingest.counters().waiting


def test_intake_holds_no_more_than_it_can_while_the_store_is_away(rig: Rig) -> None:
    rig.declare(temperature())
    rig.store.plugged = False
    rig.gateway().send(encode(Batch("first", [(POINT, NOW_MS, 1.0, 0)])))
    rig.until(lambda: rig.ingest.counters().waiting)
    held = len(rig.ingest._inbox)
    for i in range(100):
        rows = [(POINT, NOW_MS - 1000 * (1000 * i + k), 20.0, 0) for k in range(1, 1000)]
        rig.gateway().send(encode(Batch(f"b{i}", rows)))
    rig.turn(100)
    assert len(rig.ingest._inbox) == held
    assert rig.ingest.client.connected
    rig.store.plugged = True
    rig.until(lambda: len(rig.gateway().stored_ids) == 101, within_s=60)
    assert len(rig.stored(POINT)) == 99_901


def test_many_batches_at_once_are_acknowledged_in_messages_that_the_broker_takes(rig: Rig) -> None:
    rig.declare(temperature())
    rig.ingest.close()
    names = [f"{i:0>128}" for i in range(9000)]
    for i, name in enumerate(names):
        rig.gateway().send(encode(Batch(name, [(POINT, NOW_MS - 1000 * i, 20.0, 0)])))
        if i % 15 == 14:
            rig.gateway().client.pump(0.0)
    rig.ingest = rig.new_intake()
    rig.until(lambda: len(rig.gateway().stored_ids) >= 9000, within_s=60)
    assert sorted(rig.gateway().stored_ids) == names
    assert rig.ingest.client.connections == 1


def test_intake_that_dies_before_it_stored_gets_everything_again(rig: Rig) -> None:
    rig.declare(temperature())
    rig.store.plugged = False
    rig.gateway().send(encode(Batch("one", [(POINT, NOW_MS, 20.0, 0)])))
    rig.turn(20)
    rig.ingest.client._drop()  # type: ignore[attr-defined]
    rig.store.plugged = True
    rig.ingest = rig.new_intake()
    rig.until(lambda: rig.stored(POINT) == [(NOW_MS, 20.0)])


def test_killed_broker_delays_and_does_not_lose(rig: Rig) -> None:
    rig.declare(temperature())
    rig.mosquitto.kill9()
    rig.turn(5)
    rig.mosquitto.start()
    gateway = rig.gateway()
    rig.until(lambda: rig.ingest.client.connected and gateway.client.connected)
    rig.turn(20)  # the broker forgot the session: before the subscription is back it would have nobody to queue for
    rig.deliver((POINT, NOW_MS, 20.0, 0))
    assert rig.stored(POINT) == [(NOW_MS, 20.0)]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (["NOT A POINT", NOW_MS, 1.0, 0], "reading.point-invalid"),
        (["elsewhere/building/x", NOW_MS, 1.0, 0], "reading.foreign-site"),
        (["site/building/owned", NOW_MS, 1.0, 0], "reading.not-owner"),
        ([OTHER, NOW_MS // 1000, 1.0, 0], "reading.time-absurd"),
        ([OTHER, NOW_MS * 1000, 1.0, 0], "reading.time-absurd"),
        ([OTHER, -1, 1.0, 0], "reading.time-absurd"),
        ([OTHER, 10**40, 1.0, 0], "reading.time-absurd"),
        ([OTHER, NOW_MS, 1.0, 256], "reading.quality-invalid"),
        ([OTHER, NOW_MS, 1.0, -(10**30)], "reading.quality-invalid"),
        ([OTHER, NOW_MS, None, 0], "payload.undecodable"),
        ([OTHER, NOW_MS, "20", 0], "payload.undecodable"),
        ([OTHER, NOW_MS + 0.5, 1.0, 0], "payload.undecodable"),
        ([OTHER], "payload.undecodable"),
        ({"point": OTHER}, "payload.undecodable"),
        (None, "payload.undecodable"),
    ],
)
def test_bad_row_goes_to_the_dead_letters_and_its_neighbours_are_stored(rig: Rig, row: object, code: str) -> None:
    rig.declare(temperature())
    rig.declare(temperature("site/building/owned"), key="site/first")
    good = [POINT, NOW_MS - 1000, 20.0, 0]
    payload = json.dumps({"id": "mixed", "rows": [good, row, [POINT, NOW_MS, 21.0, 0]]}).encode()
    rig.gateway().send(payload)
    rig.until(lambda: rig.gateway().stored_ids == ["mixed"])
    assert rig.stored(POINT) == [(NOW_MS - 1000, 20.0), (NOW_MS, 21.0)]
    assert rig.stored(OTHER) == []
    assert [letter[0] for letter in rig.letters()] == [code]


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"\xff\xfe", b"null", b"[]", b"[" * 5000, b'{"id": 1, "rows": []}', b'{"id": "x"}', b'{"rows": []}'],
)
def test_payload_that_is_no_batch_is_put_aside_and_not_delivered_again(rig: Rig, payload: bytes) -> None:
    rig.gateway().send(payload)
    rig.until(lambda: rig.ingest.counters().messages == 1)
    assert [letter[0] for letter in rig.letters()] == ["payload.undecodable"]
    rig.ingest.close()
    rig.ingest = rig.new_intake()
    rig.turn(10)
    assert rig.ingest.counters().messages == 0


def test_sender_of_rubbish_fills_no_disk_and_delays_nobody(rig: Rig) -> None:
    for _ in range(300):
        rig.gateway("site/bad").send(b"x" * 10_000)
    rig.deliver((POINT, NOW_MS, 20.0, 0), key="site/good")
    rig.until(lambda: rig.ingest.counters().messages == 301)
    counters = rig.ingest.counters()
    letters = rig.registry.dead_letters(1000)
    assert counters.dead_letters == {"payload.undecodable": 300}
    assert 50 <= len(letters) <= 60
    assert len(letters) + counters.dead_letters_unkept == 300
    assert all(len(letter.payload) <= 4096 for letter in letters)


def test_point_nobody_declared_is_stored_and_marked(rig: Rig) -> None:
    rig.deliver((POINT, NOW_MS - 2000, 20.0, 0), (POINT, NOW_MS - 1000, 20.0, 128))
    assert rig.qualities(POINT) == [Quality.UNCERTAIN_UNDECLARED, Quality.BAD]
    rig.declare(temperature())
    rig.deliver((POINT, NOW_MS, 20.0, 0))
    assert rig.qualities(POINT)[-1] == Quality.GOOD


def test_first_gateway_that_declares_a_point_owns_it(rig: Rig) -> None:
    rig.declare(temperature(), key="site/first")
    rig.declare(temperature(), temperature(OTHER), temperature("elsewhere/b/t"), key="site/second")
    assert rig.registry.owners() == {POINT: "site/first", OTHER: "site/second"}
    assert sorted(letter[0] for letter in rig.letters()) == ["state.foreign-site", "state.not-owner"]
    assert [g.key for g in rig.registry.gateways()] == ["site/first", "site/second"]


def test_state_that_cannot_be_decoded_is_put_aside(rig: Rig) -> None:
    rig.gateway().send(b'{"status": "odd"}', Channel.STATE)
    rig.until(lambda: bool(rig.letters()))
    assert rig.letters()[0][0] == "payload.undecodable"


def test_reading_out_of_range_is_marked_and_kept(rig: Rig) -> None:
    rig.declare(temperature(minimum=-20.0, maximum=50.0))
    rig.deliver((POINT, NOW_MS - 2, 850.0, 0), (POINT, NOW_MS - 1, 50.0, 0), (POINT, NOW_MS, -20.1, 0))
    assert rig.qualities(POINT) == [Quality.BAD_RANGE, Quality.GOOD, Quality.BAD_RANGE]


def test_reading_ahead_of_the_clock_is_marked_and_moves_nobodys_time(rig: Rig) -> None:
    rig.declare(temperature())
    rig.deliver((POINT, NOW_MS - 1000, 20.0, 0), (POINT, NOW_MS + HOUR, 20.0, 0))
    assert rig.qualities(POINT) == [Quality.GOOD, Quality.UNCERTAIN_CLOCK]
    assert rig.gateway().stored[-1].until_ms == NOW_MS - 1000


def test_register_rolls_over_is_reset_and_counts_too_fast(rig: Rig) -> None:
    rig.declare(meter())
    values = [(0, 995.0), (1, 999.0), (2, 4.0), (3, 4.9), (4, 4.85), (5, 900.0), (6, 12.0), (7, 1.0)]
    for hours, value in values:
        rig.deliver((POINT, NOW_MS - (10 - hours) * HOUR, value, 0))
    assert rig.qualities(POINT) == [
        Quality.GOOD, Quality.GOOD, Quality.GOOD, Quality.GOOD, Quality.GOOD,
        Quality.BAD_REGISTER_RATE, Quality.GOOD, Quality.UNCERTAIN_REGISTER_RESET,
    ]  # fmt: skip


def test_late_reading_keeps_its_measured_time_and_disturbs_no_check(rig: Rig) -> None:
    rig.declare(meter())
    rig.deliver((POINT, NOW_MS - 2 * HOUR, 500.0, 0))
    rig.deliver((POINT, NOW_MS - 9 * HOUR, 450.0, 0))
    rig.deliver((POINT, NOW_MS - HOUR, 505.0, 0))
    assert rig.stored(POINT) == [(NOW_MS - 9 * HOUR, 450.0), (NOW_MS - 2 * HOUR, 500.0), (NOW_MS - HOUR, 505.0)]
    assert rig.qualities(POINT) == [Quality.GOOD] * 3


def test_register_is_compared_across_a_restart(rig: Rig) -> None:
    rig.declare(meter(rollover=1e6))
    rig.deliver((POINT, NOW_MS - HOUR, 500.0, 0))
    rig.ingest.close()
    rig.ingest = rig.new_intake()
    rig.deliver((POINT, NOW_MS, 900.0, 0))
    assert rig.qualities(POINT) == [Quality.GOOD, Quality.BAD_REGISTER_RATE]


rows = st.tuples(
    st.sampled_from([POINT, OTHER, "elsewhere/b/c", "a/b", ""]) | st.text(max_size=30),
    st.integers() | st.floats() | st.none(),
    st.floats() | st.integers() | st.booleans() | st.text(max_size=5),
    st.integers(),
)
payloads = st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
).map(lambda tree: json.dumps(tree).encode())
batches = st.builds(
    lambda name, some: json.dumps({"id": name, "rows": some}).encode(),
    st.text(max_size=200),
    st.lists(rows, max_size=5),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hostile=st.lists(payloads | batches, min_size=1, max_size=4),
    channel=st.sampled_from([Channel.READINGS, Channel.STATE]),
)
def test_no_payload_stops_the_intake_or_takes_a_neighbour_with_it(
    rig: Rig, hostile: list[bytes], channel: Channel
) -> None:
    for payload in hostile:
        rig.gateway("site/bad").send(payload, channel)
    before = len(rig.gateway().sent)
    rig.deliver((f"site/building/p{before % 50}", NOW_MS - before, 1.5, 0))
    assert (NOW_MS - before, 1.5) in rig.stored(f"site/building/p{before % 50}")
