"""``promessa up``: the whole platform on one machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from subprocess import Popen
from typing import Annotated

import typer

from cli.options import ConfigFile, err
from cli.processes import stop_on_signals
from cli.settings import find_config, read_config
from core.config import Config
from service.notify import notify

SERVICES = ("ingest", "control", "api")


def up(
    config: ConfigFile = None,
    directory: Annotated[Path, typer.Option(help="For the broker that is started here.")] = Path("var/broker"),
) -> None:
    """Run broker, ingest, control, API and, where configured, a gateway on this machine, and keep them running.

    Without a broker credential in the configuration a Mosquitto of our own is started on loopback, and the services
    get credentials made anew at each start. With one, the broker it belongs to is used.
    """
    from cli.mosquitto import LocalMosquitto
    from cli.supervisor import Program, Supervisor

    path = find_config(config)
    settings = read_config(config)
    create_first_key(settings)
    stop = stop_on_signals()
    names = [*SERVICES, *(["gateway"] if settings.gateway else [])]
    environs = {name: dict(os.environ) for name in names}
    programs: list[Program] = []
    running: dict[str, Popen[bytes]] = {}
    if not settings.broker.username:
        broker = LocalMosquitto(directory, settings.broker.port)
        for name in names:
            if name == "gateway" and settings.gateway is not None:
                credential = broker.enroll_gateway(settings.gateway.site, settings.gateway.id)
            else:
                credential = broker.enroll_service(name)
            environs[name] |= {
                "PROMESSA_BROKER__USERNAME": credential.username,
                "PROMESSA_BROKER__PASSWORD": credential.password,
            }
        broker.start()
        programs.append(broker.program())
        running["broker"] = broker.hand_over()
        err.print(
            f"broker on 127.0.0.1:{broker.port}, enrol gateways before the next start with: "
            f"promessa enroll gateway NAME --site SITE --port {broker.port} --directory {broker.credentials}",
            highlight=False,
            soft_wrap=True,
        )
    err.print(f"API on http://{settings.api.host}:{settings.api.port}/api/v1")
    notify("READY=1")
    programs += [
        Program(name, [sys.executable, "-m", "cli.main", name, "--config", str(path)], environs[name]) for name in names
    ]
    raise typer.Exit(Supervisor(programs, running).run(stop))


def create_first_key(settings: Config) -> None:
    """Make the first administrator's key where there is none yet, and show it once."""
    from core.clock import SystemClock
    from stores.registry import Registry, Role

    with Registry.open(settings.registry.url) as registry:
        if registry.keys():
            return
        secret = registry.create_key("administrator", Role.ADMINISTRATOR, SystemClock().now_ms())
    err.print(f"first administrator's API key, shown only now: [bold]{secret}[/bold]", highlight=False)
