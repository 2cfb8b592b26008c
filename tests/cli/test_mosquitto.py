"""The broker that ``promessa up`` and the demo start."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from broker.paho import PahoClient
from cli.mosquitto import LocalMosquitto, free_port
from cli.supervisor import Supervisor
from core.errors import BrokerError, UnavailableError

pytestmark = pytest.mark.system


def test_it_lets_in_whom_it_has_enrolled_and_nobody_else(tmp_path: Path) -> None:
    broker = LocalMosquitto(tmp_path, free_port())
    credential = broker.enroll_service("ingest")
    with broker:
        client = PahoClient(credential, "ingest", on_message=lambda _: None)
        client.connect(5)
        assert client.connected
        client.close()
        stranger = PahoClient(type(credential)(port=broker.port), "stranger", on_message=lambda _: None)
        with pytest.raises(BrokerError):
            stranger.connect(2)
        stranger.close()
    assert not broker.running


def test_a_port_that_is_taken_is_said_and_not_mistaken_for_ours(tmp_path: Path) -> None:
    first = LocalMosquitto(tmp_path / "first", free_port())
    first.enroll_service("ingest")
    second = LocalMosquitto(tmp_path / "second", first.port)
    second.enroll_service("ingest")
    with first, pytest.raises(UnavailableError, match=f"port {first.port} is taken"):
        second.start()


def test_under_the_supervisor_it_comes_back_when_it_was_killed(tmp_path: Path) -> None:
    broker = LocalMosquitto(tmp_path, free_port())
    credential = broker.enroll_service("ingest")
    broker.start()
    process = broker.hand_over()
    assert not broker.running
    stop = threading.Event()
    supervisor = Supervisor([broker.program()], {"broker": process})
    thread = threading.Thread(target=supervisor.run, args=(stop,))
    thread.start()
    try:
        process.kill()
        process.wait()
        client = PahoClient(credential, "ingest", on_message=lambda _: None)
        deadline = time.monotonic() + 20
        while not client.connected and time.monotonic() < deadline:
            client.pump(0.1)
        assert client.connected
        client.close()
        assert supervisor.pids()["broker"] != process.pid
    finally:
        stop.set()
        thread.join(30)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", broker.port), timeout=1)


def test_without_the_program_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("cli.mosquitto._PATHS", ())
    with pytest.raises(UnavailableError, match="apt-get install mosquitto"):
        LocalMosquitto(tmp_path, free_port()).start()
