"""Batches in our encoder's own form are read as every other decoder of them would read them."""

from __future__ import annotations

import json
import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.codec import Batch, Row, encode
from core.errors import CodecError
from core.points import Point
from ingest import sieve
from ingest.canonical import Canonical, read_canonical
from ingest.salvage import read_batch
from ingest.series import SeriesTable
from ingest.sieve import Sifted, sift
from ingest.sources import source_of

POINTS = [f"site/building/{name}" for name in ("one", "two", "three-4", "five5")]
TIME_MS = 1_780_000_000_000


def table() -> SeriesTable:
    known = SeriesTable()
    points = [Point(point, "Zone_Air_Temperature_Sensor", "Cel") for point in POINTS]
    known.declare(points, {POINTS[3]: "site/other"})
    return known


def rows_of(found: Canonical) -> list[list[Row]]:
    columns = (found.row.tolist(), found.time_ms.tolist(), found.value.tolist(), found.quality.tolist())
    rows = [(POINTS[row], *rest) for row, *rest in zip(*columns, strict=True)]
    ends = np.cumsum(found.counts).tolist()
    return [rows[start:end] for start, end in zip([0, *ends], ends, strict=False)]  # type: ignore[misc]  # rest are three


def exactly(rows: list[Row]) -> list[tuple[str, int, bytes, int]]:
    """Rows with values by their bits, so that -0.0 is not 0.0."""
    return [(point, time_ms, struct.pack("d", value), quality) for point, time_ms, value, quality in rows]


values = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70).map(float)
rows = st.tuples(st.sampled_from(POINTS), st.integers(-(2**63), 2**63 - 1), values, st.integers(-(2**40), 2**40))
ids = st.text("abcXYZ0189 -_:{}[],", max_size=20)
batches = st.builds(Batch, ids, st.lists(rows, min_size=1, max_size=6))


@given(st.lists(batches, min_size=1, max_size=5))
def test_batches_of_our_encoder_are_read_as_they_were_written(some: list[Batch]) -> None:
    found = read_canonical([encode(batch) for batch in some], table())
    assert found is not None
    assert found.ids == [batch.id for batch in some]
    assert [exactly(read) for read in rows_of(found)] == [exactly(batch.rows) for batch in some]


PIECES = [b'"', b",", b"[", b"]", b"{", b"}", b"],[", b'],["', b"]]}", b'","rows":[["', b'{"id":"', b"\\", b" ", b"\n",
          b"\x00", b"\xc3\xa9", b"\xff", b"0", b"7", b"-", b"-0", b".", b"e9", b"1e400", b"null", b"true", b",1,2,3",
          b'["site/building/one",1,2,3],', POINTS[1].encode()]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    payload = encode(draw(batches))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(payload)))
        end = min(len(payload), start + draw(st.integers(0, 6)))
        payload = payload[:start] + draw(st.sampled_from(PIECES) | st.binary(max_size=3) | st.just(b"")) + payload[end:]
    return payload


@settings(max_examples=250)
@given(st.lists(mutated(), min_size=1, max_size=4))
def test_what_is_read_of_any_payload_is_what_it_means(payloads: list[bytes]) -> None:
    found = read_canonical(payloads, table())
    if found is None:
        return
    for at, name, read in zip(found.at, found.ids, rows_of(found), strict=True):
        batch, faults = read_batch(payloads[at])
        assert (name, exactly(read), faults) == (batch.id, exactly(batch.rows), [])


ROW = f'["{POINTS[0]}",{TIME_MS},2.5,0]'


@pytest.mark.parametrize(
    "rows",
    [
        f'["{POINTS[0]}",1,2],["{POINTS[1]}",3,4,5,6]',
        f'["{POINTS[0]}",1,2,3]4,["{POINTS[1]}",3,4,5]',
        f'["{POINTS[0]}",1,2,3],["{POINTS[1]}"9,3,4,5]',
        f'["{POINTS[0]}"9,1,2,3]',
        f'["{POINTS[0]}",1,2,3],5["{POINTS[1]}",3,4,5]',
        f'["{POINTS[0]}",1.0,2,3]',
        f'["{POINTS[0]}",1e3,2,3]',
        f'["{POINTS[0]}",1,2,3.0]',
        f'["{POINTS[0]}",01,2,3]',
        f'["{POINTS[0]}",1,.5,3]',
        f'["{POINTS[0]}",1,1e400,3]',
        f'["{POINTS[0]}",{2**63},2,3]',
        f'["{POINTS[0]}",1,{10**400},3]',
        f'["{POINTS[0]}",1,,3]',
        f'["{POINTS[0]}",1,2,3]]}}"{POINTS[1]}",1,2,3]',
        f'["{POINTS[0]}\\u0061",1,2,3]',
        '["site/building/unknown",1,2,3]',
    ],
)
def test_what_is_not_quite_canonical_is_left_to_the_other_decoder(rows: str) -> None:
    good = f'{{"id":"good","rows":[{ROW}]}}'.encode()
    assert read_canonical([good], table()) is not None
    for payloads in (
        [f'{{"id":"x","rows":[{rows}]}}'.encode()],
        [good, f'{{"id":"x","rows":[{rows}]}}'.encode(), good],
    ):
        assert read_canonical(payloads, table()) is None


@pytest.mark.parametrize("name", ["a\\u0062", "\\\\", "\x01", "é", "x" * 129, 'a","id":"b'])
def test_strange_batch_ids_are_left_to_the_other_decoder(name: str) -> None:
    assert read_canonical([f'{{"id":"{name}","rows":[{ROW}]}}'.encode()], table()) is None


def test_payloads_of_another_form_are_left_out_and_the_rest_is_read() -> None:
    batch = Batch("x", [(POINTS[0], 1, 2.0, 3)])
    payloads = [b"", encode(batch), json.dumps(msgspec.to_builtins(batch)).encode(), encode(batch)]
    found = read_canonical(payloads, table())
    assert found is not None
    assert (found.at, found.ids, found.counts.tolist()) == ([1, 3], ["x", "x"], [1, 1])


def told(sifted: Sifted, known: SeriesTable) -> object:
    columns = [sifted.payload.tolist(), *(column.tolist() for column in sifted.columns)]
    points = [known.points[row] for row in columns[1]]
    return points, columns[0], columns[2:], sifted.ids, sifted.refused, sorted(sifted.faults)


plausible = st.tuples(
    st.sampled_from([*POINTS, "site/building/new", "elsewhere/b/c"]),
    st.sampled_from([TIME_MS, TIME_MS + 1, 5, 2**62]),
    st.sampled_from([1.0, 2.5]),
    st.sampled_from([0, 64, 255, 256, -1]),
)
sent = st.builds(lambda name, some: encode(Batch(name, some)), ids, st.lists(plausible, max_size=4))
spaced = sent.map(lambda payload: json.dumps(json.loads(payload)).encode())


@settings(max_examples=150)
@given(st.lists(sent | mutated() | spaced, min_size=1, max_size=5))
def test_sieve_gives_the_same_with_and_without_the_short_cut(payloads: list[bytes]) -> None:
    answers = []
    for reader in (read_canonical, lambda _payloads, _table: None):
        known = table()
        sources = [source_of("promessa/v1/site/gw/readings", known)] * len(payloads)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sieve, "read_canonical", reader)
            answers.append(told(sift(sources, payloads, known), known))
    assert answers[0] == answers[1]


def test_payload_that_is_nothing_is_a_codec_error_in_the_sieve_s_faults() -> None:
    known = table()
    sifted = sift([source_of("promessa/v1/site/gw/readings", known)], [b"{"], known)
    assert [fault.code for _, fault in sifted.faults] == [CodecError.code]
    assert len(sifted.columns.row) == 0
