"""Everything that is not a reading, behind one object."""

from __future__ import annotations

from stores.registry.commands import Commands
from stores.registry.gateways import Gateways
from stores.registry.keys import Keys
from stores.registry.models import Models
from stores.registry.points import Points
from stores.registry.promises import Promises
from stores.registry.sites import Sites


class Registry(Sites, Points, Gateways, Commands, Models, Promises, Keys):
    """Sites, buildings, points, gateways, commands, models, promises, keys, dead letters; see each noun's module.

    Made by ``Registry.open(url)``; used by any number of threads and processes at once. Every method is one
    transaction, durable on return, and raises `core.errors.StoreError` when the database does not answer.
    """
