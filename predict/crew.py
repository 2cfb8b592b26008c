"""Many small tasks on all cores or on a cluster: joblib, with the workers that die and what they had in hand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from joblib import Parallel, delayed, parallel_config

from core.config.models import Fleet
from predict.cluster import cluster

log = logging.getLogger("promessa.predict")

T = TypeVar("T")
R = TypeVar("R")

_AHEAD: Final = "2*n_jobs"
"""How much is handed out at a time: enough to keep everybody busy, little enough to know who had what in hand."""
_GIVE_UP_AFTER: Final = 4
"""So many tasks in a row that lose their worker twice: then it is not the tasks."""


def run(
    work: Callable[[list[T]], list[R]],
    tasks: Sequence[T],
    fleet: Fleet,
    prepare: Callable[[T], T] = lambda task: task,
) -> Iterator[tuple[int, R | None, str]]:
    """Do all tasks, in any order.

    Parameters
    ----------
    work
        A function of a module, so that workers find it; takes several tasks and returns as many results. It must not
        raise: what it cannot do is a result.
    tasks
        Small; they stay here.
    fleet
        Where, and how many at a time.
    prepare
        Called here just before a task is handed out, from any thread: what is large is loaded as late as possible.

    Yields
    ------
    tuple
        Position of the task; its result, or None with the reason when its worker died twice.

    Raises
    ------
    ConfigError
        The backend needs a package that is not there.
    UnavailableError
        The cluster does not answer.
    """
    with _backend(fleet):
        chunks = [
            list(range(start, min(start + fleet.meters_per_task, len(tasks))))
            for start in range(0, len(tasks), fleet.meters_per_task)
        ]
        lost_in_a_row = 0
        while chunks:
            handed: list[list[int]] = []
            done: set[int] = set()
            try:
                for indices, results in _together(work, tasks, chunks, handed, prepare):
                    done.update(indices)
                    lost_in_a_row = 0
                    yield from ((i, result, "") for i, result in zip(indices, results, strict=True))
            except Exception as error:  # noqa: BLE001 - whatever a backend raises when a worker dies
                log.warning("worker_lost backend=%s error=%s", fleet.backend, _named(error))
                reason = _named(error)
            else:
                return
            suspects = [i for indices in handed for i in indices if i not in done]
            taken = done.union(suspects)
            chunks = [indices for indices in chunks if not taken.intersection(indices)]
            if not suspects:  # nothing was even handed out
                suspects, chunks, lost_in_a_row = [i for indices in chunks for i in indices], [], _GIVE_UP_AFTER
            for i in suspects:
                if lost_in_a_row >= _GIVE_UP_AFTER:
                    yield i, None, f"not fitted: workers die one after the other ({reason})"
                    continue
                try:
                    (result,) = _alone(work, prepare(tasks[i]))
                except Exception as error:  # noqa: BLE001 - as above
                    lost_in_a_row += 1
                    yield i, None, f"its worker died twice ({_named(error)})"
                else:
                    lost_in_a_row = 0
                    yield i, result, ""


def _together(
    work: Callable[[list[T]], list[R]],
    tasks: Sequence[T],
    chunks: list[list[int]],
    handed: list[list[int]],
    prepare: Callable[[T], T],
) -> Iterator[tuple[list[int], list[R]]]:
    def hand_out() -> Iterator[Any]:
        for indices in chunks:
            handed.append(indices)
            yield delayed(_numbered)(work, indices, [prepare(tasks[i]) for i in indices])

    found: Iterator[tuple[list[int], list[R]]] = Parallel(
        return_as="generator_unordered", pre_dispatch=_AHEAD, batch_size=1
    )(hand_out())
    yield from found


def _alone(work: Callable[[list[T]], list[R]], task: T) -> list[R]:
    # Two jobs, because joblib does a single one here, and what kills a worker would kill us.
    with parallel_config(n_jobs=2):
        found: list[tuple[list[int], list[R]]] = Parallel(batch_size=1)([delayed(_numbered)(work, [0], [task])])
    return found[0][1]


def _numbered(work: Callable[[list[T]], list[R]], indices: list[int], tasks: list[T]) -> tuple[list[int], list[R]]:
    return indices, work(tasks)


@contextmanager
def _backend(fleet: Fleet) -> Iterator[None]:
    if fleet.backend == "dask":
        with cluster(fleet.scheduler):
            yield
    elif fleet.backend == "loky":
        # One thread each: there are as many processes as cores.
        with parallel_config(backend="loky", n_jobs=fleet.jobs, inner_max_num_threads=1):
            yield
    else:
        with parallel_config(backend="threading", n_jobs=fleet.jobs):
            yield


def _named(error: Exception) -> str:
    return type(error).__name__
