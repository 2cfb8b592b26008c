"""Tasks on many workers: all are done, and a worker that dies takes only its own task along."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from core.config.models import Fleet
from core.errors import ConfigError, DomainError, UnavailableError
from predict.crew import run

THREADS = Fleet(backend="threading", jobs=2, meters_per_task=3)
PROCESSES = Fleet(backend="loky", jobs=2, meters_per_task=3)


def square(numbers: list[int]) -> list[int]:
    return [n * n for n in numbers]


def die_on_seven(numbers: list[int]) -> list[int]:
    if 7 in numbers:
        os._exit(9)
    return square(numbers)


def die_once(paths: list[str]) -> list[str]:
    for path in paths:
        if path.endswith("mark") and not Path(path).exists():
            Path(path).touch()
            os._exit(9)
    return paths


def die_always(_: list[int]) -> list[int]:
    os._exit(9)


def collect(found: Iterable[tuple[int, object, str]]) -> dict[int, tuple[object, str]]:
    result = {i: (value, reason) for i, value, reason in found}
    return dict(sorted(result.items()))


@pytest.mark.parametrize("fleet", [THREADS, PROCESSES], ids=["threads", "processes"])
@pytest.mark.parametrize("count", [0, 1, 20])
def test_every_task_is_done_once(fleet: Fleet, count: int) -> None:
    found = list(run(square, range(count), fleet))
    assert sorted(i for i, _, _ in found) == list(range(count))
    assert collect(found) == {i: (i * i, "") for i in range(count)}


def test_what_is_large_is_loaded_when_it_is_handed_out_only() -> None:
    loaded: list[int] = []
    done: list[int] = []
    ahead: list[int] = []

    def load(number: int) -> int:
        loaded.append(number)
        ahead.append(len(loaded) - len(done))
        return number + 1

    def work(numbers: list[int]) -> list[int]:
        done.extend(numbers)
        return square(numbers)

    assert collect(run(work, range(300), THREADS, load)) == {i: ((i + 1) ** 2, "") for i in range(300)}
    # Two workers, as much again waiting for them, three tasks each.
    assert max(ahead) <= 3 * (2 * 2 + 2)


def test_a_worker_that_dies_is_tried_again_and_then_a_row() -> None:
    found = collect(run(die_on_seven, range(20), PROCESSES))
    value, reason = found.pop(7)
    assert value is None
    assert reason.startswith("its worker died twice")
    assert found == {i: (i * i, "") for i in range(20) if i != 7}


def test_a_worker_that_dies_once_costs_nothing_but_time(tmp_path: Path) -> None:
    tasks = [str(tmp_path / name) for name in ("a", "b", "mark", "d", "e")]
    assert collect(run(die_once, tasks, PROCESSES)) == {i: (task, "") for i, task in enumerate(tasks)}


def test_where_every_worker_dies_it_gives_up_with_a_row_for_each() -> None:
    found = collect(run(die_always, range(30), PROCESSES))
    assert len(found) == 30
    assert all(value is None and reason for value, reason in found.values())
    assert "one after the other" in found[29][1]


def _dask(scheduler: str) -> Callable[[], object]:
    return lambda: list(run(square, [1], Fleet(backend="dask", scheduler=scheduler)))


def test_a_cluster_without_an_address_is_refused_at_once() -> None:
    with pytest.raises(DomainError, match="scheduler"):
        Fleet(backend="dask")


def test_a_cluster_that_is_not_there_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("predict.cluster._CONNECT_TIMEOUT_S", 1)
    with pytest.raises((UnavailableError, ConfigError), match=r"Dask|cluster"):
        _dask("tcp://127.0.0.1:9")()
