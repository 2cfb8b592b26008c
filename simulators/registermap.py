"""A Modbus register map as values: what stands at which address, and how a number is written there."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from core.errors import DomainError

Table: TypeAlias = Literal["coil", "discrete", "holding", "input"]
Kind: TypeAlias = Literal["int16", "uint16", "int32", "uint32", "float32"]
Order: TypeAlias = Literal["big", "little"]

_CODES: Final[dict[str, str]] = {"int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "float32": "f"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One quantity of a device.

    Attributes
    ----------
    name
        The building's name of it, for example ``hall/temperature``.
    table, address
        Where it stands; addresses count from 0, as they go over the wire.
    kind, scale
        ``value = raw * scale`` of that type; coils and discrete inputs are one bit.
    word_order
        Which of two registers comes first; bytes within a register are big endian, as the protocol has them.
    lowest, highest
        What the device takes when it is written; it answers anything else with "illegal data value".
    """

    name: str
    table: Table
    address: int
    kind: Kind = "int16"
    scale: float = 1.0
    word_order: Order = "big"
    lowest: float = -math.inf
    highest: float = math.inf

    @property
    def is_bit(self) -> bool:
        """Whether it is a coil or a discrete input."""
        return self.table in ("coil", "discrete")

    @property
    def size(self) -> int:
        """Addresses that it takes."""
        return 1 if self.is_bit else struct.calcsize(_CODES[self.kind]) // 2

    @property
    def addresses(self) -> range:
        """All of them."""
        return range(self.address, self.address + self.size)

    @property
    def absent(self) -> int | None:
        """Raw value for "no sensor": 0x8000 where there is a sign, all ones where there is none; None: NaN or a bit."""
        if self.is_bit or self.kind == "float32":
            return None
        bits = 16 * self.size
        return (1 << bits) - 1 if self.kind.startswith("u") else -(1 << (bits - 1))

    def cells(self, value: float) -> list[int]:
        """Registers (or one bit) that hold `value`; what does not fit stops at the type's end, as in real devices.

        NaN, a broken sensor, is `absent`.
        """
        if self.is_bit:
            return [int(value >= 0.5)]
        if math.isnan(value) and self.absent is not None:
            packed = struct.pack(">" + _CODES[self.kind], self.absent)
        elif self.kind == "float32":
            packed = struct.pack(">f", value / self.scale)
        else:
            bits = 16 * self.size
            low, high = (0, 2**bits - 1) if self.kind.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            packed = struct.pack(">" + _CODES[self.kind], min(max(round(value / self.scale), low), high))
        words = list(struct.unpack(f">{self.size}H", packed))
        return words if self.word_order == "big" else words[::-1]

    def value(self, cells: Sequence[int]) -> float:
        """Value of the registers (or the bit) that hold it."""
        if self.is_bit:
            return float(bool(cells[0]))
        words = cells if self.word_order == "big" else cells[::-1]
        raw = struct.unpack(">" + _CODES[self.kind], struct.pack(f">{self.size}H", *words))[0]
        return float(raw) * self.scale

    def source(self) -> dict[str, Any]:
        """The same for the gateway's Modbus driver: its ``source`` keys of a point."""
        keys: dict[str, Any] = {"table": self.table, "address": self.address}
        if not self.is_bit:
            keys["type"] = self.kind
            if self.scale != 1.0:
                keys["scale"] = self.scale
            if self.word_order != "big":
                keys["word_order"] = self.word_order
        return keys


def check_map(entries: Iterable[Entry]) -> None:
    """Raise DomainError where two entries overlap or one name stands twice."""
    taken: dict[tuple[Table, int], str] = {}
    names: set[str] = set()
    for entry in entries:
        if entry.name in names:
            raise DomainError(f"{entry.name} stands twice in the register map")
        names.add(entry.name)
        for address in entry.addresses:
            other = taken.setdefault((entry.table, address), entry.name)
            if other != entry.name:
                raise DomainError(f"{entry.name} and {other} overlap at {entry.table} {address}")
