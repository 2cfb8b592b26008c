"""``promessa ledger``: the guarantee ledger of an energy performance contract, frozen, shown and verified."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from cli.options import AsJson, ConfigFile, number, out, print_json
from cli.settings import read_config
from cli.who import who
from core.clock import SystemClock
from core.config import Config
from core.errors import ConfigError

if TYPE_CHECKING:
    from predict.savings.ledger import Ledger

ContractId = Annotated[str, typer.Argument(help="Id of the contract.")]

app = typer.Typer(help="The guarantee ledger of an energy performance contract.", no_args_is_help=True)


@app.command()
def show(*, contract: ContractId, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show what was frozen, line by line."""
    from predict.savings.line import MonthLine

    with _opened(read_config(config), contract) as ledger:
        lines = ledger.lines()
        record = ledger.record
    if as_json:
        print_json(
            {
                "contract": msgspec.to_builtins(record),
                "lines": [{"position": s.position, "hash": s.hash, "previous": s.previous} | s.body for s, _ in lines],
            }
        )
        return
    value = record.contract
    table = Table(
        "line", "kind", "period", "meter", "baseline", "saving kWh", "± kWh", "coverage", f"payment {value.currency}",
        "remarks", box=None, title=f"{value.id} v{record.version}: {value.contractor} guarantees {value.client}",
    )  # fmt: skip
    for stored, line in lines:
        if isinstance(line, MonthLine):
            m = line.measured
            remarks = [*line.why, *(() if m.claims else ("no claim:", *m.reasons))]
            table.add_row(
                str(stored.position), line.kind.value, line.month, line.meter,
                f"{m.baseline_kind} v{m.baseline_version}", number(m.saving_kwh), number(m.uncertainty_kwh),
                f"{m.coverage:.0%}", "", " ".join(remarks), style=None if m.claims else "yellow",
            )  # fmt: skip
        else:
            paid = "" if line.account is None else f"{line.account.payment:,.2f}"
            table.add_row(
                str(stored.position), line.kind.value, line.period, line.meter, "", number(line.saving_kwh),
                number(line.uncertainty_kwh), "", paid, " ".join([*line.why, *line.reasons]), style="bold",
            )  # fmt: skip
    out.print(table)
    if lines:
        out.print(f"head {lines[-1][0].hash}: note it elsewhere, so that nobody can rewrite the whole ledger")


@app.command()
def enter(
    *,
    file: Annotated[Path, typer.Argument(help="TOML file with the contract; docs/prediction/savings.md has one.")],
    why: Annotated[str, typer.Option(help="What was agreed, for the history of the contract.")],
    config: ConfigFile = None,
) -> None:
    """Enter a contract, or its next version."""
    from stores.registry import Contract, Registry

    try:
        value = msgspec.toml.decode(file.read_bytes(), type=Contract)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{file}: {error}") from error
    settings = read_config(config)
    with Registry.open(settings.registry.url) as registry:
        record = registry.enter_contract(value, by=who(), why=why, now_ms=SystemClock().now_ms())
    out.print(f"contract {value.id} v{record.version}")


@app.command()
def freeze(
    *,
    contract: ContractId,
    after_days: Annotated[int, typer.Option(min=0, help="Days that late data have after the end of a month.")] = 7,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Freeze the months that are due, corrections of what changed, and the accounts; nothing frozen is edited."""
    with _opened(read_config(config), contract) as ledger:
        added = ledger.freeze(now_ms=SystemClock().now_ms(), by=who(), grace_ms=after_days * 86_400_000)
    if as_json:
        print_json([{"position": line.position, "hash": line.hash} | line.body for line in added])
    else:
        out.print(f"{len(added)} lines frozen" if added else "nothing is due")


@app.command()
def verify(*, contract: ContractId, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Recompute every frozen line from the store and say which differ and why; exit status 1 when one does."""
    with _opened(read_config(config), contract) as ledger:
        findings = ledger.verify(now_ms=SystemClock().now_ms())
    bad = [finding for finding in findings if not finding.holds]
    if as_json:
        print_json(
            [
                {"position": f.position, "label": f.label, "holds": f.holds, "reasons": f.reasons,
                 "corrected_by": f.corrected_by}
                for f in findings
            ]
        )  # fmt: skip
    else:
        for finding in findings:
            if finding.reasons:
                later = f" (corrected by line {finding.corrected_by})" if finding.corrected_by else ""
                text = f"line {finding.position}, {finding.label}: {' '.join(finding.reasons)}{later}"
                out.print(text, style=None if finding.holds else "red", markup=False)
        out.print(f"{len(findings) - len(bad)} of {len(findings)} lines hold")
    if bad:
        raise typer.Exit(1)


@contextmanager
def _opened(settings: Config, contract: str) -> Iterator[Ledger]:
    from predict.savings.ledger import Ledger
    from stores.readings import open_store
    from stores.registry import Registry

    with Registry.open(settings.registry.url) as registry, open_store(settings.store) as store:
        registry.put_configured(settings.sites, settings.buildings)
        yield Ledger(store, registry, contract)
