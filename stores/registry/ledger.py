"""The guarantee ledger's lines: appended, never changed, each chained to the one before by its hash."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec
from sqlalchemy import Row, select
from sqlalchemy.exc import IntegrityError

from core.errors import ConflictError
from stores.registry.database import Database
from stores.registry.tables import ledger_line

GENESIS: Final = "0" * 64
"""What the first line of a ledger names as the hash before it."""


class LedgerLine(msgspec.Struct, frozen=True):
    """A frozen line.

    Attributes
    ----------
    contract, position
        The ledger, and the place in it, from 1.
    text
        What was frozen, as canonical JSON; the hash is over exactly this.
    previous, hash
        SHA-256 of the line before, and of this one: over `previous`, a line feed and `text`.
    """

    contract: str
    position: int
    text: str
    previous: str
    hash: str

    @property
    def body(self) -> dict[str, Any]:
        """What was frozen."""
        decoded: dict[str, Any] = msgspec.json.decode(self.text)
        return decoded


class Ledgers(Database):
    """Lines of guarantee ledgers."""

    def append_line(self, contract: str, body: dict[str, Any], after: LedgerLine | None) -> LedgerLine:
        """Freeze a line.

        Parameters
        ----------
        body
            Anything JSON can hold; what is not a number is None.
        after
            The last line that the caller has seen: what is frozen must not rest on an older state of the ledger.

        Raises
        ------
        ConflictError
            Another line was appended meanwhile.
        """
        text = msgspec.json.encode(body, order="deterministic").decode()
        position, previous = (after.position + 1, after.hash) if after else (1, GENESIS)
        line = LedgerLine(contract, position, text, previous, chain(previous, text))
        try:
            with self._write() as connection:
                connection.execute(
                    ledger_line.insert().values(
                        contract=contract, position=position, body=text, previous=previous, hash=line.hash
                    )
                )
        except IntegrityError as error:
            raise ConflictError(f"the ledger of {contract} has grown meanwhile; look again") from error
        return line

    def ledger_lines(self, contract: str) -> list[LedgerLine]:
        """All lines of a contract, oldest first, as they are stored: see `broken_links`."""
        query = select(ledger_line).where(ledger_line.c.contract == contract).order_by(ledger_line.c.position)
        with self._read() as connection:
            return [_from_row(row) for row in connection.execute(query)]


def chain(previous: str, text: str) -> str:
    """Hash of a line that follows `previous`."""
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def broken_links(lines: list[LedgerLine]) -> dict[int, str]:
    """Positions at which a ledger was tampered with, and how it shows; empty when it was not.

    Lines cut off at the end cannot be seen from the inside: note the last hash elsewhere.
    """
    broken: dict[int, str] = {}
    position, previous = 0, GENESIS
    for line in lines:
        if line.position != position + 1:
            broken[line.position] = "lines before it are missing"
        elif line.hash != chain(line.previous, line.text):
            broken[line.position] = "its text was changed after it was frozen"
        elif line.previous != previous:
            broken[line.position] = "it does not follow the line before"
        position, previous = line.position, line.hash
    return broken


def _from_row(row: Row[Any]) -> LedgerLine:
    return LedgerLine(row.contract, row.position, row.body, row.previous, row.hash)
