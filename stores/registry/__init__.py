"""The registry: sites, buildings, points, gateways, commands, models, keys and dead letters, in one SQL database."""

from stores.registry.anomalies import Acknowledgement, AnomalyRecord, WatchRecord
from stores.registry.commands import CommandEvent, CommandRecord, CommandState
from stores.registry.dead_letters import DeadLetter
from stores.registry.gateways import GatewayRecord
from stores.registry.keys import ApiKey, Role
from stores.registry.models import FittedModel, ModelRecord
from stores.registry.registry import Registry

__all__ = [
    "Acknowledgement",
    "AnomalyRecord",
    "ApiKey",
    "CommandEvent",
    "CommandRecord",
    "CommandState",
    "DeadLetter",
    "FittedModel",
    "GatewayRecord",
    "ModelRecord",
    "Registry",
    "Role",
    "WatchRecord",
]
