"""The registry: sites, buildings, points, gateways, commands, models, savings, keys and dead letters, in SQL."""

from stores.registry.adjustments import Adjustment, Basis
from stores.registry.anomalies import Acknowledgement, AnomalyRecord, WatchRecord
from stores.registry.commands import CommandEvent, CommandRecord, CommandState
from stores.registry.contracts import Contract, ContractRecord, Price, Settlement, Term
from stores.registry.dead_letters import DeadLetter
from stores.registry.gateways import GatewayRecord
from stores.registry.keys import ApiKey, Role
from stores.registry.ledger import LedgerLine
from stores.registry.models import FittedModel, ModelRecord
from stores.registry.promises import Promise, PromiseKind, Rate, RateKind
from stores.registry.registry import Registry
from stores.registry.roles import ModelRole, RoleGiven
from stores.registry.trials import Trial, TrialBlock, TrialPlan, TrialState, TrialUnit, settled
from stores.registry.work_items import WorkItem, WorkNote, WorkState

__all__ = [
    "Acknowledgement",
    "Adjustment",
    "AnomalyRecord",
    "ApiKey",
    "Basis",
    "CommandEvent",
    "CommandRecord",
    "CommandState",
    "Contract",
    "ContractRecord",
    "DeadLetter",
    "FittedModel",
    "GatewayRecord",
    "LedgerLine",
    "ModelRecord",
    "ModelRole",
    "Price",
    "Promise",
    "PromiseKind",
    "Rate",
    "RateKind",
    "Registry",
    "Role",
    "RoleGiven",
    "Settlement",
    "Term",
    "Trial",
    "TrialBlock",
    "TrialPlan",
    "TrialState",
    "TrialUnit",
    "WatchRecord",
    "WorkItem",
    "WorkNote",
    "WorkState",
    "settled",
]
