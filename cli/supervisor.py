"""Keeps a few child processes running: starts them again with back-off when they end, and ends them in order."""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from core.clock import monotonic_s
from service.notify import notify

log = logging.getLogger("promessa.up")

_BACKOFF_FIRST_S: Final = 0.5
_BACKOFF_MAX_S: Final = 30.0
_HEALTHY_AFTER_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 20.0
_LOOK_EVERY_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Program:
    """What to run; a status in `fatal` is not worth another try (a wrong configuration stays wrong)."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    fatal: frozenset[int] = frozenset({64, 78})


def own_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Environment of a child: what systemd wants to hear, it wants to hear from us."""
    return {name: value for name, value in environ.items() if name not in ("NOTIFY_SOCKET", "WATCHDOG_USEC")}


def backoff_s(failures: int) -> float:
    """Pause before the next start after `failures` short lives in a row, seconds."""
    return min(_BACKOFF_MAX_S, _BACKOFF_FIRST_S * 2.0 ** min(failures, 10))


class _Child:
    def __init__(self, program: Program, process: subprocess.Popen[bytes] | None) -> None:
        self.program = program
        self.process = process
        self.failures = 0
        self.started_s = monotonic_s()
        self.start_at_s = 0.0

    def start(self) -> None:
        self.started_s = monotonic_s()
        self.process = subprocess.Popen(  # noqa: S603 - our own programs
            self.program.command,
            env=own_environ(self.program.environ),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        log.info("started name=%s pid=%d", self.program.name, self.process.pid)


class Supervisor:
    """Runs programs until told to stop.

    Parameters
    ----------
    programs
        Started in this order, ended in the reverse one.
    running
        Processes, by the names of their programs, that were started already.
    """

    def __init__(
        self, programs: Sequence[Program], running: Mapping[str, subprocess.Popen[bytes]] = MappingProxyType({})
    ) -> None:
        self._children = [_Child(program, running.get(program.name)) for program in programs]

    def pids(self) -> dict[str, int]:
        """Process id of each program that runs."""
        return {c.program.name: c.process.pid for c in self._children if c.process is not None}

    def run(self, stop: threading.Event) -> int:
        """Start everything and keep it running until `stop` is set.

        Returns
        -------
        int
            0, or the status of a program that cannot run; then everything else was ended too.
        """
        status = 0
        try:
            while status == 0 and not stop.wait(_LOOK_EVERY_S):
                status = self._look()
                notify("WATCHDOG=1")
        finally:
            self._end()
        return status

    def _look(self) -> int:
        now_s = monotonic_s()
        for child in self._children:
            if child.process is None:
                if now_s >= child.start_at_s:
                    child.start()
                continue
            status = child.process.poll()
            if status is None:
                continue
            child.process = None
            if status in child.program.fatal:
                log.error("ended name=%s status=%d fatal=true", child.program.name, status)
                return status
            child.failures = 0 if now_s - child.started_s > _HEALTHY_AFTER_S else child.failures + 1
            pause_s = backoff_s(child.failures)
            child.start_at_s = now_s + pause_s
            log.warning("ended name=%s status=%d again_in_s=%.1f", child.program.name, status, pause_s)
        return 0

    def _end(self) -> None:
        for child in reversed(self._children):
            if child.process is None:
                continue
            child.process.terminate()
            try:
                child.process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                log.warning("killed name=%s", child.program.name)
                child.process.kill()
                child.process.wait()
            child.process = None
