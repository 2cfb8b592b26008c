"""``promessa policy``: laws, ordinances and house rules on record, entered, listed and ended."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from cli.options import AsJson, ConfigFile, caller, out, parse_local, print_json
from cli.settings import read_config
from core.clock import SystemClock, from_ms
from core.errors import ConfigError, DomainError
from core.policy import Aspect, Policy, resolve

if TYPE_CHECKING:
    from stores.registry import PolicyRecord

app = typer.Typer(help="Laws, ordinances and house rules that bound control.", no_args_is_help=True)

Why = Annotated[str, typer.Option(help="The reason, for the history of the record.")]


@app.command()
def add(
    *,
    file: Annotated[Path, typer.Argument(help="TOML file with [[policies]]; data/policies has some.")],
    why: Why,
    record: Annotated[list[str] | None, typer.Option(help="Only the record of this id; may be repeated.")] = None,
    scope: Annotated[str, typer.Option(help="site or site/building, for records that name none.")] = "",
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Enter the policies of a file, or their next versions; all of them or none."""
    from stores.registry import Registry

    policies = read_policies(file, scope, record or [])
    settings = read_config(config)
    with Registry.open(settings.registry.url) as registry:
        registry.put_configured(settings.sites, settings.buildings)
        known = {s.id for s in registry.sites()} | {b.id for b in registry.buildings()}
        unknown = sorted({p.scope for p in policies} - known)
        if unknown:
            raise DomainError(f"{file}: {', '.join(unknown)} is neither a site nor a building of the registry")
        now_ms = SystemClock().now_ms()
        with registry.together():
            kept = [registry.put_policy(p, by=caller(), why=why, now_ms=now_ms) for p in policies]
    if as_json:
        print_json([_document(r) for r in kept])
    for found in [] if as_json else kept:
        out.print(f"policy {found.value.id} v{found.version} of {found.value.scope}")


@app.command("list")
def list_(
    *,
    scope: Annotated[str, typer.Option(help="Only those that speak of this site or site/building.")] = "",
    at: Annotated[str, typer.Option(help="With a building: what holds at this local time.")] = "",
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List the policies on record, and for a building what holds of them now."""
    from predict.fit import find_building
    from stores.registry import Registry

    settings = read_config(config)
    holds: dict[str, Any] | None = None
    with Registry.open(settings.registry.url) as registry:
        registry.put_configured(settings.sites, settings.buildings)
        found = registry.policies(scope or None)
        if "/" in scope:
            _, calendar = find_building(registry, scope)
            time_ms = parse_local(at, calendar) if at else SystemClock().now_ms()
            moment = calendar.local(time_ms)
            holds = {"time": moment.isoformat()} | _plain(resolve([r.value for r in found], scope, moment))
    if as_json:
        print_json({"policies": [_document(r) for r in found], "holds": holds})
        return
    for r in found:
        p = r.value
        until = f"to {p.valid_to}" if p.valid_to else "until further notice"
        out.print(f"{p.scope} {p.id} v{r.version} ({p.rank.value}), {p.valid_from} {until}: {words(p)}", markup=False)
        out.print(f"    {p.source}; entered {from_ms(r.entered_ms):%Y-%m-%d} by {r.by}: {r.why}", markup=False)
    for name, value in (holds or {}).items():
        shown = f"{value['value']:g} ({value['source']})" if isinstance(value, dict) else value
        out.print(f"{name}: {'–' if shown in (None, '') else shown}", markup=False)


@app.command()
def end(
    *,
    policy: Annotated[str, typer.Argument(help="Id of the policy.")],
    on: Annotated[str, typer.Option(help="First local day on which it does not hold, YYYY-MM-DD.")],
    why: Why,
    config: ConfigFile = None,
) -> None:
    """End a policy; its first day withdraws it. Every version stays on record."""
    from stores.registry import Registry

    try:
        day = dt.date.fromisoformat(on)
    except ValueError as error:
        raise DomainError(f"{on!r} is not a day YYYY-MM-DD") from error
    with Registry.open(read_config(config).registry.url) as registry:
        kept = registry.end_policy(policy, day, by=caller(), why=why, now_ms=SystemClock().now_ms())
    out.print(f"policy {policy} v{kept.version} holds until {day}")


def read_policies(file: Path, scope: str, records: list[str]) -> list[Policy]:
    """Policies of a TOML file.

    Parameters
    ----------
    scope
        Of records that name none.
    records
        Ids; empty: all.

    Raises
    ------
    ConfigError
        The file cannot be read, or a record in it is wrong; names it.
    DomainError
        A record that was asked for is not in it.
    """
    try:
        found = msgspec.toml.decode(file.read_bytes(), type=dict[str, list[dict[str, Any]]]).get("policies", [])
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error
    missing = sorted(set(records) - {str(r.get("id")) for r in found})
    if missing or not found:
        raise DomainError(f"{file}: it holds no policy {', '.join(missing)}".rstrip())
    policies = []
    for row in found:
        if records and row.get("id") not in records:
            continue
        if not scope and not row.get("scope"):
            raise DomainError(f"{file}: policy {row.get('id')} names no scope: give --scope")
        try:
            policies.append(msgspec.convert({"scope": scope} | row, Policy))
        except msgspec.ValidationError as error:
            raise ConfigError(f"{file}: policy {row.get('id')}: {error}") from error
    return policies


def words(policy: Policy) -> str:
    """What a policy says, in a few words."""
    said = [f"heating {policy.heating.value}"] if policy.heating else []
    if policy.season:
        said.append(f"season {policy.season.start} to {policy.season.end}")
    said += [f"{w.start}-{w.end}" for w in policy.hours]
    said += [
        f"{aspect.value} {value:g}"
        for aspect in Aspect
        if aspect not in (Aspect.SEASON, Aspect.HOURS) and (value := getattr(policy, aspect.value)) is not None
    ]
    if policy.exempt:
        said.append(f"exempt from {', '.join(policy.exempt)}")
    return ", ".join(said)


def _document(record: PolicyRecord) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(record)
    return document


def _plain(holds: object) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(holds)
    return plain
