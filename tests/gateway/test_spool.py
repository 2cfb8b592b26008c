"""The spool keeps every batch until it is stored, within its bounds, through corruption, a full disk and kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.codec import decode_readings
from core.errors import ConfigError, StoreError
from gateway.durable import NotKeptError
from gateway.publisher import Outgoing
from gateway.spool import Spool, peek

NOW = 1_700_000_000_000
DAY = 86_400_000


def open_spool(path: Path, *, max_bytes: int = 1_000_000, max_age_days: float = 90, now_ms: int = NOW) -> Spool:
    return Spool(path, max_bytes=max_bytes, max_age_days=max_age_days, now_ms=now_ms)


def rows(n: int, at: int = NOW) -> list[tuple[str, int, float, int]]:
    return [("torino/calvino/t", at + i, float(i), 0) for i in range(n)]


def test_batches_outlive_the_process_and_go_when_stored(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db")
    assert spool.append(rows(5), 2, NOW) == [1, 2, 3]
    spool.close()
    spool = open_spool(tmp_path / "spool.db")
    payload = spool.payload(3)
    assert payload is not None
    batch = decode_readings(payload)
    assert (batch.id, batch.rows) == (f"{spool.epoch}-3", [("torino/calvino/t", NOW + 4, 4.0, 0)])
    number = spool.number_of(batch.id)
    assert number == 3
    spool.forget([number, 77])
    assert (len(spool), spool.numbers(), spool.payload(3)) == (2, [1, 2], None)
    spool.close()
    assert peek(tmp_path / "spool.db") == (2, 0)


def test_numbers_are_never_used_again(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db")
    spool.forget(spool.append(rows(3), 1, NOW))
    spool.close()
    spool = open_spool(tmp_path / "spool.db")
    assert len(spool) == 0
    assert spool.append(rows(1), 1, NOW) == [4]
    spool.close()


def test_another_spools_batch_is_not_ours(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db")
    assert [spool.number_of(i) for i in (f"{spool.epoch}-1", "0000-1", "1", "", f"{spool.epoch}-x")] == [
        1, None, None, None, None
    ]  # fmt: skip
    spool.close()


def test_size_bound_drops_the_oldest_and_counts_for_good(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    spool = open_spool(path, max_bytes=2_000)
    for i in range(40):
        spool.append(rows(5, NOW + i * 1000), 5, NOW)
        assert spool.bytes_kept <= 2_000
    kept = spool.numbers()
    assert kept == list(range(kept[0], 41))
    assert spool.dropped == kept[0] - 1 > 0
    spool.close()
    assert peek(path) == (len(kept), kept[0] - 1)
    assert open_spool(path).dropped == kept[0] - 1


def test_age_bound_drops_what_is_too_old(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db", max_age_days=2)
    spool.append(rows(1), 1, NOW)
    spool.append(rows(1), 1, NOW + DAY)
    spool.append(rows(1), 1, NOW + 2 * DAY)
    spool.append(rows(1), 1, NOW + 2 * DAY + 1)
    assert (spool.numbers(), spool.dropped) == ([2, 3, 4], 1)
    spool.close()


def test_a_clock_that_jumps_ahead_makes_nothing_old(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db", max_age_days=2)
    spool.append(rows(1), 1, NOW)
    ahead = NOW + 400 * DAY
    for hour in range(24):
        spool.append(rows(1), 1, ahead + hour * DAY // 24)
    assert spool.dropped == 0
    # It has gone on for a day: it was the batch that was old.
    spool.append(rows(1), 1, ahead + DAY)
    assert (spool.numbers()[0], spool.dropped) == (2, 1)
    spool.close()


def test_a_clock_that_was_ahead_for_a_while_costs_no_batch(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db", max_age_days=2)
    for at in (NOW, NOW + 400 * DAY, NOW + 1, NOW + DAY - 1, NOW + 2 * DAY - 2):
        spool.append(rows(1), 1, at)
    assert (len(spool), spool.dropped) == (5, 0)
    spool.close()


@given(st.lists(st.one_of(st.integers(1, 9), st.sampled_from(["store", "reopen"])), max_size=25))
@settings(deadline=None, max_examples=40)
def test_every_row_waits_is_stored_or_is_counted_as_dropped(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int | str]
) -> None:
    path = tmp_path_factory.mktemp("spool") / "spool.db"
    spool = open_spool(path, max_bytes=1_500)
    made, stored = 0, set[int]()
    for step in steps:
        if isinstance(step, int):
            made += len(spool.append(rows(step), 3, NOW))
        elif step == "store":
            first = spool.numbers()[:2]
            spool.forget(first)
            stored.update(first)
        else:
            spool.close()
            spool = open_spool(path, max_bytes=1_500)
        assert len(spool) == len(spool.numbers())
        assert len(spool) + len(stored) + spool.dropped == made
        assert spool.bytes_kept == sum(len(spool.payload(n) or b"") for n in spool.numbers())
    spool.close()


@pytest.mark.parametrize("damage", ["header", "middle", "not-a-database"])
def test_corrupt_spool_is_set_aside_and_a_new_one_begun(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "spool.db"
    spool = open_spool(path)
    spool.append(rows(2_000), 50, NOW)
    epoch = spool.epoch
    spool.close()
    data = bytearray(path.read_bytes())
    at = {"header": 0, "middle": len(data) // 2, "not-a-database": 0}[damage]
    path.write_bytes(b"once upon a time " * 900 if damage == "not-a-database" else bytes(data[:at]) + b"\xff" * 8192)
    spool = open_spool(path, now_ms=NOW + 5)
    assert [p.name for p in spool.set_aside] == [f"spool.db.corrupt-{NOW + 5}"]
    assert spool.set_aside[0].exists()
    assert spool.epoch != epoch
    assert spool.append(rows(1), 1, NOW) == [1]
    spool.close()


def test_corruption_while_running_is_survived(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    spool = open_spool(path, max_bytes=10_000_000)
    spool.append(rows(20_000), 50, NOW)
    spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 8192))
    for number in range(400):
        spool.payload(number)
    numbers = spool.append(rows(1), 1, NOW)
    assert spool.set_aside
    assert spool.payload(numbers[0]) is not None
    spool.close()


def test_full_disk_drops_the_oldest_to_make_room(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db")
    while spool._db.execute("PRAGMA page_count").fetchone()[0] < 30:
        spool.append(rows(50), 50, NOW)
    spool._db.execute("PRAGMA max_page_count = 30")
    for _ in range(20):
        numbers = spool.append(rows(50), 50, NOW)
        assert spool.payload(numbers[0]) is not None
    assert spool.dropped > 0
    with pytest.raises(NotKeptError):
        spool.append(rows(5_000), 5_000, NOW)
    assert spool.payload(numbers[0]) is not None
    spool.close()


def test_unwritable_place_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be opened"):
        open_spool(tmp_path / "file" / "spool.db")
    with pytest.raises(StoreError):
        peek(tmp_path / "absent.db")


_WRITER = """
import sys
from pathlib import Path
from gateway.spool import Spool
spool = Spool(Path(sys.argv[1]), max_bytes=10**9, max_age_days=90, now_ms=0)
for i in range(10**6):
    number = spool.append([("torino/calvino/t", i, float(i), 0)] * 20, 10, 0)[-1]
    print(number, flush=True)
"""


def test_kill_9_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(50):
            writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        said = [int(line) for line in writer.stdout if line.endswith("\n")]
    spool = open_spool(path)
    assert not spool.set_aside
    numbers = spool.numbers()
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= max(said, default=100)
    assert all(spool.payload(n) is not None for n in numbers)
    spool.close()


def test_a_spool_in_use_can_be_looked_at(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db")
    spool.append(rows(3), 1, NOW)
    assert peek(tmp_path / "spool.db") == (3, 0)
    spool.close()


def test_newest_goes_first_then_the_backlog_backwards() -> None:
    out = Outgoing([1, 2, 3], resend_after_s=20)
    sent = [out.next()]
    out.add([4])
    sent += [out.next() for _ in range(4)]
    assert sent == [3, 4, 2, 1, None]


def test_window_bounds_what_is_on_its_way() -> None:
    out = Outgoing(range(1, 10), resend_after_s=20, window=2)
    for _ in range(2):
        number = out.next()
        assert number is not None
        out.sent(number, 0)
    assert out.next() is None
    out.confirmed([9])
    assert out.next() == 7


def test_unconfirmed_batches_go_again_with_growing_patience() -> None:
    out = Outgoing([1, 2], resend_after_s=20, window=1)
    waits, now_s = [], 0.0
    for _ in range(6):
        number = out.next()
        assert number == 2
        out.sent(number, now_s)
        began_s = now_s
        while not out.give_up_late(now_s):
            now_s += 1
        waits.append(now_s - began_s)
    assert waits == [20, 40, 80, 160, 320, 320]
    out.confirmed([2])
    assert out.patience_s == 20


def test_a_new_connection_puts_everything_back() -> None:
    out = Outgoing([1, 2], resend_after_s=20)
    for number in (out.next(), out.next()):
        assert number is not None
        out.sent(number, time.monotonic())
    out.give_up_all()
    assert (out.on_their_way, out.next(), out.next()) == (0, 2, 1)
