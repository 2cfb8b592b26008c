"""A Mosquitto of our own on loopback, with credentials and access rules, for one machine and for the demo."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Final, Self

from broker.enrolment import ACL_FILE, PASSWORDS_FILE, Kind, enroll
from cli.supervisor import Program, own_environ
from core.clock import monotonic_s
from core.config.models import Broker
from core.errors import UnavailableError

_START_TIMEOUT_S: Final = 10.0
_STOP_TIMEOUT_S: Final = 10.0
_PATHS: Final = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")

# The same choices as mosquitto.conf at the top of the repository, which explains them; here for loopback only.
_CONFIGURATION: Final = """\
listener {port} 127.0.0.1
allow_anonymous false
password_file {credentials}/{passwords}
acl_file {credentials}/{acl}
persistence true
persistence_location {directory}/
autosave_interval 60
max_queued_messages 0
max_queued_bytes 1073741824
max_inflight_messages 1000
message_size_limit 1048576
set_tcp_nodelay true
{user}
"""


def free_port() -> int:
    """A TCP port of loopback that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def find_mosquitto() -> str | None:
    """Path of the program, None where it is not installed."""
    return shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), *_PATHS]))


class LocalMosquitto:
    """A broker that runs as our child from `start` to `stop`.

    Parameters
    ----------
    directory
        For its configuration, credentials and persistence; survives restarts.
    port
        Of loopback.
    """

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory.resolve()
        self.credentials = self.directory / "credentials"
        self.port = port
        self._config = self.directory / "mosquitto.conf"
        self._process: subprocess.Popen[bytes] | None = None

    def enroll_service(self, name: str) -> Broker:
        """Credential of a service, made anew; call it before `start`, which is when the broker reads it."""
        credential = enroll(self.credentials, Kind.SERVICE, name, port=self.port)
        return Broker(port=self.port, username=credential.username, password=credential.password)

    def enroll_gateway(self, site: str, name: str) -> Broker:
        """Credential of a gateway, made anew; call it before `start`, which is when the broker reads it."""
        credential = enroll(self.credentials, Kind.GATEWAY, name, site, port=self.port)
        return Broker(port=self.port, username=credential.username, password=credential.password)

    def start(self) -> None:
        """Start, and wait until it answers.

        Raises
        ------
        UnavailableError
            It is not installed, or does not start; says what it said.
        """
        program = self.program()
        if self._answers():
            raise UnavailableError(
                f"port {self.port} is taken, perhaps by a mosquitto of the system: "
                "use it, with a credential in [broker], or set another port there"
            )
        self.directory.mkdir(parents=True, exist_ok=True)
        self._config.write_text(
            _CONFIGURATION.format(
                port=self.port,
                directory=self.directory,
                credentials=self.credentials,
                passwords=PASSWORDS_FILE,
                acl=ACL_FILE,
                # Started by root it would become its own user, who may not read our files.
                user="user root" if os.geteuid() == 0 else "",
            ),
            encoding="utf-8",
        )
        log = self.directory / "mosquitto.log"
        with log.open("ab") as file:
            self._process = subprocess.Popen(  # noqa: S603 - a program found on the system's own paths
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=own_environ(program.environ),
                start_new_session=True,
            )
        deadline_s = monotonic_s() + _START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or monotonic_s() > deadline_s:
                said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
                self.stop()
                raise UnavailableError(f"mosquitto does not start on port {self.port}: {' '.join(said)}")

    def program(self) -> Program:
        """What runs; UnavailableError when it is not installed."""
        executable = find_mosquitto()
        if executable is None:
            raise UnavailableError("mosquitto is not installed; 'apt-get install mosquitto', or 'make demo' does it")
        return Program("broker", [executable, "-c", str(self._config)], dict(os.environ))

    def hand_over(self) -> subprocess.Popen[bytes]:
        """The process, which from now on somebody else keeps running and ends."""
        if self._process is None:
            raise UnavailableError("the broker was not started")
        process, self._process = self._process, None
        return process

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=0.2).close()
        except OSError:
            return False
        return True

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it in order; it saves what it keeps."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
