"""Everything that is not a reading, behind one object."""

from __future__ import annotations

from stores.registry.adjustments import Adjustments
from stores.registry.advice import Advices
from stores.registry.anomalies import Anomalies
from stores.registry.commands import Commands
from stores.registry.contracts import Contracts
from stores.registry.gateways import Gateways
from stores.registry.keys import Keys
from stores.registry.ledger import Ledgers
from stores.registry.points import Points
from stores.registry.policies import Policies
from stores.registry.roles import Roles
from stores.registry.sites import Sites
from stores.registry.tariffs import Tariffs
from stores.registry.trials import Trials
from stores.registry.trust import Trusts
from stores.registry.work_items import WorkItems


class Registry(
    Sites,
    Points,
    Gateways,
    Commands,
    Roles,
    Keys,
    Adjustments,
    Contracts,
    Ledgers,
    Tariffs,
    Policies,
    Anomalies,
    Trusts,
    Advices,
    Trials,
    WorkItems,
):
    """Everything but readings: buildings, points, commands, trust, models, savings, rules, …; see each module.

    Made by ``Registry.open(url)``; used by any number of threads and processes at once. Every method is one
    transaction, durable on return, and raises `core.errors.StoreError` when the database does not answer.
    """
