"""The registry: sites, buildings, points, gateways, commands, models, savings, keys and dead letters, in SQL."""

from core.tariff import RateKind
from stores.registry.adjustments import Adjustment, Basis
from stores.registry.advice import Advice, AdviceState
from stores.registry.anomalies import Acknowledgement, AnomalyRecord, WatchRecord
from stores.registry.commands import CommandEvent, CommandRecord, CommandState
from stores.registry.contracts import Contract, ContractRecord, Price, Settlement, Term
from stores.registry.dead_letters import DeadLetter
from stores.registry.gateways import GatewayRecord
from stores.registry.keys import ApiKey, Role
from stores.registry.ledger import LedgerLine
from stores.registry.models import FittedModel, ModelRecord
from stores.registry.policies import PolicyRecord
from stores.registry.promises import Assumptions, Promise, PromiseKind, Rate
from stores.registry.registry import Registry
from stores.registry.roles import ModelRole, RoleGiven
from stores.registry.tariffs import MarketRecord, TariffRecord
from stores.registry.trials import Trial, TrialBlock, TrialPlan, TrialState, TrialUnit, settled
from stores.registry.trust import StopChange, Trust, TrustChange, TrustMode
from stores.registry.work_items import WorkItem, WorkNote, WorkState

__all__ = [
    "Acknowledgement",
    "Adjustment",
    "Advice",
    "AdviceState",
    "AnomalyRecord",
    "ApiKey",
    "Assumptions",
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
    "MarketRecord",
    "ModelRecord",
    "ModelRole",
    "PolicyRecord",
    "Price",
    "Promise",
    "PromiseKind",
    "Rate",
    "RateKind",
    "Registry",
    "Role",
    "RoleGiven",
    "Settlement",
    "StopChange",
    "TariffRecord",
    "Term",
    "Trial",
    "TrialBlock",
    "TrialPlan",
    "TrialState",
    "TrialUnit",
    "Trust",
    "TrustChange",
    "TrustMode",
    "WatchRecord",
    "WorkItem",
    "WorkNote",
    "WorkState",
    "settled",
]
