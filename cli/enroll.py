"""``promessa enroll``: makes credentials; each secret is shown once and kept nowhere else."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from broker.enrolment import Credential, Kind, enroll
from cli.options import AsJson, ConfigFile, err, print_json
from cli.settings import read_config
from core.errors import ConfigError

app = typer.Typer(help="Make the credential of a gateway, a service or a person.", no_args_is_help=True)

Directory = Annotated[Path, typer.Option(help="Where Mosquitto's password file and access list are.", file_okay=False)]
BrokerHost = Annotated[str, typer.Option(help="The broker as the owner reaches it.")]
BrokerPort = Annotated[int, typer.Option(help="Its port.")]
Authority = Annotated[str, typer.Option(help="File of the certificate authority on the owner's machine.")]


class KeyRole(StrEnum):
    """What the holder of an API key may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


@app.command()
def gateway(
    name: Annotated[str, typer.Argument(help="Name of the gateway, for example calvino.")],
    *,
    site: Annotated[str, typer.Option(help="Its site; not needed where the configuration has just one.")] = "",
    config: ConfigFile = None,
    directory: Directory = Path("var/broker/credentials"),
    host: BrokerHost = "127.0.0.1",
    port: BrokerPort = 8883,
    tls_ca: Authority = "",
    as_json: AsJson = False,
) -> None:
    """Make a gateway's credential and access rules, and print its configuration."""
    site = site or _only_site(config)
    _show(enroll(directory, Kind.GATEWAY, name, site, host=host, port=port, tls_ca=tls_ca), as_json=as_json)


@app.command()
def service(
    name: Annotated[str, typer.Argument(help="ingest, control or api, or one of them with a suffix: ingest-2.")],
    *,
    directory: Directory = Path("var/broker/credentials"),
    host: BrokerHost = "127.0.0.1",
    port: BrokerPort = 1883,
    tls_ca: Authority = "",
    as_json: AsJson = False,
) -> None:
    """Make a service's credential and access rules."""
    _show(enroll(directory, Kind.SERVICE, name, host=host, port=port, tls_ca=tls_ca), as_json=as_json)


@app.command()
def key(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    *,
    role: Annotated[KeyRole, typer.Option(help="What they may; docs/api.md has the table.")] = KeyRole.VIEWER,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key and show it once."""
    from core.clock import SystemClock
    from stores.registry import Registry, Role

    with Registry.open(read_config(config).registry.url) as registry:
        secret = registry.create_key(name, Role(role.value), SystemClock().now_ms())
    if as_json:
        print_json({"name": name, "role": role.value, "key": secret})
    else:
        err.print(f"key of {name} ({role.value}), shown only now:")
        typer.echo(secret)


def _only_site(config: Path | None) -> str:
    try:
        sites = [site.id for site in read_config(config).sites]
    except ConfigError as error:
        raise ConfigError(f"give --site, or a configuration with one site ({error.message})") from error
    if len(sites) != 1:
        raise ConfigError(f"give --site: the configuration has {len(sites)} sites")
    return sites[0]


def _show(credential: Credential, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "username": credential.username,
                "password": credential.password,
                "configuration": credential.configuration,
            }
        )
        return
    err.print("password, shown only now; put it into the file that password_file names (mode 0600):")
    err.print(credential.password, highlight=False, markup=False)
    err.print("the broker takes it up when it reads its files again: systemctl reload mosquitto\n")
    typer.echo(credential.configuration, nl=False)
