"""The registry: sites, buildings, points, gateways, commands, models, keys and dead letters, in one SQL database."""

from stores.registry.commands import CommandEvent, CommandRecord, CommandState
from stores.registry.dead_letters import DeadLetter
from stores.registry.gateways import GatewayRecord
from stores.registry.keys import ApiKey, Role
from stores.registry.models import FittedModel, ModelRecord
from stores.registry.promises import Promise, PromiseKind, Rate, RateKind
from stores.registry.registry import Registry

__all__ = [
    "ApiKey",
    "CommandEvent",
    "CommandRecord",
    "CommandState",
    "DeadLetter",
    "FittedModel",
    "GatewayRecord",
    "ModelRecord",
    "Promise",
    "PromiseKind",
    "Rate",
    "RateKind",
    "Registry",
    "Role",
]
