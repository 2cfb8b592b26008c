"""A real InfluxDB 1.x on free loopback ports, behind an nginx that gives it the write path of later versions."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self
from uuid import uuid4

import pytest

from core.config.models import InfluxStore

_INSTALL: Final = "install it with 'sudo apt-get install influxdb nginx-light' ('make test' does)"

_INFLUXD: Final = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{directory}/meta"
[data]
dir = "{directory}/data"
wal-dir = "{directory}/wal"
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{http}"
log-enabled = false
"""

# Debian's 1.6 lacks /api/v2/write, which is the same as /write with other names for its parameters.
_NGINX: Final = """\
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
events {{ }}
http {{
    access_log off;
    client_max_body_size 100m;
    client_body_buffer_size 16m;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    upstream influxd {{ server 127.0.0.1:{http}; keepalive 4; }}
    server {{
        listen 127.0.0.1:{front};
        location / {{
            proxy_pass http://influxd;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
        location = /api/v2/write {{
            proxy_pass http://influxd/write?db=$arg_bucket&precision=$arg_precision;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


class InfluxServer:
    """influxd and nginx, from construction until `stop`.

    Parameters
    ----------
    directory
        For configuration, data and logs; kept when the server is stopped and started again.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._rpc, self._http, self._front = _free_ports(3)
        self._influxd: subprocess.Popen[bytes] | None = None
        self._nginx: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._front}"
        self.start()

    def start(self) -> None:
        """Start both and wait until they answer."""
        ports = {"directory": self._directory, "rpc": self._rpc, "http": self._http, "front": self._front}
        influxd = self._directory / "influxdb.conf"
        influxd.write_text(_INFLUXD.format(**ports))
        nginx = self._directory / "nginx.conf"
        nginx.write_text(_NGINX.format(**ports))
        self._influxd = self._run("influxd", "-config", str(influxd))
        self._nginx = self._run(
            "nginx", "-p", str(self._directory), "-c", str(nginx), "-e", str(self._directory / "nginx.log")
        )
        self._await_answer()

    def database(self, write_path: Literal["v1", "v2"] = "v2") -> InfluxStore:
        """Settings for a database of its own, empty."""
        name = f"test_{uuid4().hex}"
        query = urllib.parse.urlencode({"q": f'CREATE DATABASE "{name}"'}).encode()
        urllib.request.urlopen(f"{self.url}/query", data=query, timeout=30).close()
        return InfluxStore(url=self.url, database=name, write_path=write_path)

    def kill(self) -> None:
        """``kill -9`` of influxd; nginx stays and answers 502."""
        if self._influxd is not None:
            self._influxd.kill()
            self._influxd.wait()

    def restart(self) -> None:
        """Start both again where they were."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """End both."""
        for process in (self._nginx, self._influxd):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if path is None:
            pytest.fail(f"{program} is not installed: {_INSTALL}")
        with (self._directory / f"{program}.out").open("ab") as log:
            return subprocess.Popen([path, *arguments], stdout=log, stderr=log)

    def _await_answer(self) -> None:
        for _ in range(600):
            for process in (self._influxd, self._nginx):
                if process is not None and process.poll() is not None:
                    logs = [p.read_text(errors="replace")[-2000:] for p in self._directory.glob("*.out")]
                    pytest.fail(f"{process.args!r} ended with {process.returncode}: {logs}")
            try:
                urllib.request.urlopen(f"{self.url}/ping", timeout=5).close()
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
            else:
                return
        pytest.fail(f"InfluxDB does not answer at {self.url}")


def external_influx_is_named() -> bool:
    """Whether ``PROMESSA_TEST_INFLUX_URL`` names a server to test against as well."""
    return bool(os.environ.get("PROMESSA_TEST_INFLUX_URL"))


def external_influx(measurement: str) -> InfluxStore:
    """Settings for the server that ``PROMESSA_TEST_INFLUX_URL`` names; what is written there stays there."""
    return InfluxStore(
        url=os.environ["PROMESSA_TEST_INFLUX_URL"],
        database=os.environ.get("PROMESSA_TEST_INFLUX_DATABASE", "promessa_test"),
        org=os.environ.get("PROMESSA_TEST_INFLUX_ORG", ""),
        token=os.environ.get("PROMESSA_TEST_INFLUX_TOKEN", ""),
        measurement=measurement,
    )


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for sock in sockets:
        sock.bind(("127.0.0.1", 0))
    ports = [int(sock.getsockname()[1]) for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports
