"""A Dask cluster behind joblib, by the address of its scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final

from joblib import parallel_config

from core.errors import ConfigError, UnavailableError

_CONNECT_TIMEOUT_S: Final = 15
_WORKERS_TIMEOUT_S: Final = 120
"""For workers to come, or to come back after one has died."""


@contextmanager
def cluster(scheduler: str) -> Iterator[None]:
    """Let joblib work on a cluster meanwhile.

    Parameters
    ----------
    scheduler
        For example ``tcp://127.0.0.1:8786``.

    Raises
    ------
    ConfigError
        The extra ``cluster`` is not installed.
    UnavailableError
        The scheduler does not answer.
    """
    try:
        from distributed import Client  # noqa: PLC0415 - an extra
        from joblib._dask import DaskDistributedBackend  # noqa: PLC0415 - see below
    except ModuleNotFoundError as error:
        raise ConfigError("[fleet] backend = 'dask' needs the extra 'cluster' (dask and distributed)") from error

    class Backend(DaskDistributedBackend):  # type: ignore[misc]  # joblib has no types
        """joblib's own (1.6) never tells of a task whose workers died, and waits for it for ever; this one tells."""

        def effective_n_jobs(self, n_jobs: int) -> int:
            # For a single one joblib would do the work here, and what kills a worker would kill us.
            return max(2, int(super().effective_n_jobs(n_jobs)))

        def submit(self, func: Callable[[], Any], callback: Callable[[Any], None] | None = None) -> Future[Any]:
            def tell(future: Future[Any]) -> None:
                if callback is not None and future.exception() is not None:
                    callback(future)

            submitted: Future[Any] = super().submit(func, callback)
            submitted.add_done_callback(tell)
            return submitted

        def retrieve_result_callback(self, out: Any) -> Any:
            return out.result() if isinstance(out, Future) else super().retrieve_result_callback(out)

    connect: Callable[..., Any] = Client
    try:
        client = connect(scheduler, timeout=_CONNECT_TIMEOUT_S)
    except (OSError, ValueError) as error:
        raise UnavailableError(f"the Dask scheduler at {scheduler} does not answer: {error}") from error
    with client, parallel_config(backend=Backend(client=client, wait_for_workers_timeout=_WORKERS_TIMEOUT_S)):
        yield
