"""``promessa simulate`` and ``promessa replay``: something to measure where there is no building yet."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import ConfigFile, err, parse_local
from cli.processes import stop_on_signals
from cli.settings import read_config
from core.calendar import Calendar
from core.clock import SystemClock, from_ms, monotonic_s
from core.errors import ConfigError


def simulate(
    *,
    host: Annotated[str, typer.Option(help="Where the Modbus device listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port; 0 takes a free one.")] = 5020,
    speed: Annotated[float, typer.Option(help="Simulated over real time.", min=0.01)] = 1.0,
    start: Annotated[str, typer.Option(help="Local date or time at which it begins; now by default.")] = "",
    seed: Annotated[int, typer.Option(help="Of weather and people.")] = 0,
) -> None:
    """Serve the simulated Turin library as a Modbus TCP device, unit 1 (register map: docs/simulators.md)."""
    from simulators import calvino
    from simulators.modbus import ModbusBuilding, serve

    begin_ms = parse_local(start, calvino.calendar()) if start else SystemClock().now_ms()
    device = ModbusBuilding(calvino.build(begin_ms, seed=seed), calvino.register_map(), host=host, port=port)
    err.print(f"Modbus TCP device on {host}:{port}, from {from_ms(begin_ms):%Y-%m-%d %H:%M} UTC at {speed:g} x")
    serve(device, stop_on_signals(), speed=speed)


class PacedClock:
    """A clock that starts at a time of choice and runs faster than the machine's.

    Parameters
    ----------
    start_ms
        Where it begins, UTC milliseconds.
    speed
        Over real time.
    """

    def __init__(self, start_ms: int, speed: float) -> None:
        self._start_ms, self._speed = start_ms, speed
        self._began_s = monotonic_s()

    def now_ms(self) -> int:
        """UTC milliseconds since 1970."""
        return self._start_ms + int((monotonic_s() - self._began_s) * self._speed * 1000)


def replay(
    *,
    start: Annotated[str, typer.Option(help="Date or time at which the replay begins, UTC unless it says otherwise.")],
    config: ConfigFile = None,
    speed: Annotated[float, typer.Option(help="Recorded over real time.", min=0.01)] = 3600.0,
) -> None:
    """Run the configured gateway, whose devices are recordings (driver replay), at accelerated time."""
    from gateway.process import run

    settings = read_config(config)
    if settings.gateway is None or any(device.driver != "replay" for device in settings.gateway.devices):
        raise ConfigError('replay needs a [gateway] all of whose devices have driver = "replay"')
    run(settings, stop_on_signals(), PacedClock(parse_local(start, Calendar("UTC")), speed))
