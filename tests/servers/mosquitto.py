"""A real Mosquitto on a free loopback port, with credentials and access rules as in production, to kill and restart."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from broker.enrolment import ACL_FILE, PASSWORDS_FILE, Kind, Role, enroll, write_credential
from broker.paho import PahoClient
from core.config.models import Broker
from core.errors import BrokerError
from core.topics import ROOT

MOSQUITTO: Final = "/usr/sbin/mosquitto"
OBSERVER: Final = "observer"
"""A user who may read and write everything; only the tests have one."""

_CONFIGURATION: Final = """\
listener {port} 127.0.0.1
allow_anonymous false
password_file {credentials}/{passwords}
acl_file {credentials}/{acl}
persistence true
persistence_location {directory}/
autosave_interval 60
max_queued_messages 0
max_inflight_messages 1000
message_size_limit 1048576
set_tcp_nodelay true
{user}
{extra}
"""


def free_port() -> int:
    """A TCP port of loopback that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Mosquitto:
    """A broker that runs from construction until `stop`.

    Parameters
    ----------
    directory
        For its configuration, credentials and persistence; keeps them over restarts.
    extra
        Further lines of configuration.
    config
        A whole configuration in place of ours; `port` must be what it listens on.
    port
        0 takes a free one.
    """

    def __init__(self, directory: Path, extra: str = "", *, config: str = "", port: int = 0) -> None:
        self.directory = directory
        self.credentials = directory / "credentials"
        self.port = port or free_port()
        self._passwords: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        for role in Role:
            self._passwords[role] = enroll(self.credentials, Kind.SERVICE, role).password
        self._passwords[OBSERVER] = "seen-only-by-tests"
        write_credential(self.credentials, OBSERVER, self._passwords[OBSERVER], [f"topic readwrite {ROOT}/#"])
        self.config = directory / "mosquitto.conf"
        self.config.write_text(
            config
            or _CONFIGURATION.format(
                port=self.port, credentials=self.credentials, passwords=PASSWORDS_FILE, acl=ACL_FILE,
                directory=directory, user="user root" if os.geteuid() == 0 else "", extra=extra,
            )
        )  # fmt: skip
        self.start()

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has logged."""
        return (self.directory / "mosquitto.log").read_text(errors="replace")

    def settings(self, user: str = OBSERVER) -> Broker:
        """How to connect as `user`: ``ingest``, ``control``, ``api``, ``observer``, or a gateway as ``site/gateway``.

        A user not known yet is enrolled, and the running broker told so.
        """
        if user not in self._passwords:
            site, _, name = user.rpartition("/")
            credential = enroll(self.credentials, Kind.GATEWAY if site else Kind.SERVICE, name, site)
            self._passwords[user] = credential.password
            self._reload(user)
        return Broker(host="127.0.0.1", port=self.port, username=user, password=self._passwords[user])

    def start(self) -> None:
        """Start, and wait until it answers."""
        for _ in range(5):
            with (self.directory / "mosquitto.log").open("ab") as log:
                self._process = subprocess.Popen([MOSQUITTO, "-c", self.config], stdout=log, stderr=log)
            if self._answers():
                return
            if "Address already in use" not in self.log[-500:]:
                break
            time.sleep(0.2)
        raise RuntimeError(f"mosquitto does not start:\n{self.log[-2000:]}")

    def kill9(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order; it saves what it keeps."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Stop if it runs, and start again on the same port with the same files."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=20)
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return self._process.poll() is None
        return False

    def _reload(self, user: str) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while True:
            client = PahoClient(self.settings(user), f"reload-{user}", on_message=lambda _: None)
            try:
                client.connect(2)
            except BrokerError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return
            finally:
                client.close()
