"""Policies on record: laws, ordinances and house rules, every version with who entered it, when and why."""

from __future__ import annotations

import datetime as dt
from typing import TypeAlias

import msgspec

from core.errors import DomainError, NotFoundError
from core.policy import Policy
from stores.registry.control_tables import policy
from stores.registry.versions import Versioned, Versions, scopes_of

PolicyRecord: TypeAlias = Versioned[Policy]


class Policies(Versions):
    """Policies."""

    def put_policy(self, value: Policy, *, by: str, why: str, now_ms: int) -> PolicyRecord:
        """Keep a policy as the next version of its id; the newest again as it is changes nothing.

        Raises
        ------
        DomainError
            Nobody or no reason is named, or the id stands for another scope or rank.
        ConflictError
            Another process entered a version in the same moment.
        """
        known = self.policy(value.id)
        if known is not None and (known.value.scope, known.value.rank) != (value.scope, value.rank):
            raise DomainError(
                f"policy {value.id} is {known.value.rank.value} of {known.value.scope}; give this one another id"
            )
        return self._enter(policy, Policy, value, value.scope, by=by, why=why, now_ms=now_ms)

    def end_policy(self, policy_id: str, on: dt.date, *, by: str, why: str, now_ms: int) -> PolicyRecord:
        """Let a policy hold until the local day `on`, which is not included; its first day withdraws it.

        Raises
        ------
        NotFoundError
            There is none of that id.
        DomainError
            It began later, or nobody or no reason is named.
        """
        known = self.policy(policy_id)
        if known is None:
            raise NotFoundError(f"there is no policy {policy_id[:64]!r}")
        ended = msgspec.structs.replace(known.value, valid_to=on)
        return self.put_policy(ended, by=by, why=why, now_ms=now_ms)

    def policy(self, policy_id: str) -> PolicyRecord | None:
        """Newest version of a policy, or None."""
        return self._newest(policy, Policy, policy_id)

    def policy_versions(self, policy_id: str) -> list[PolicyRecord]:
        """All versions of a policy, newest first."""
        return self._history(policy, Policy, policy_id)

    def policies(self, scope: str | None = None) -> list[PolicyRecord]:
        """Newest versions by id: all, or those that speak of a ``site`` or ``site/building``."""
        return self._all_newest(policy, Policy, None if scope is None else scopes_of(scope))
