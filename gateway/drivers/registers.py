"""Modbus registers as values: how one is decoded and encoded, and how many are read in few blocks."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from core.errors import DomainError

Table: TypeAlias = Literal["holding", "input", "coil", "discrete"]
Order: TypeAlias = Literal["big", "little"]
Kind: TypeAlias = Literal["int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]

BIT_TABLES: Final = ("coil", "discrete")
MAX_WORDS: Final = 125  # Modbus application protocol 1.1b3, 6.3
MAX_BITS: Final = 2000  # the same, 6.1

# struct code, words, significant decimal digits worth sending
_FORMATS: Final[dict[str, tuple[str, int, int]]] = {
    "int16": ("h", 1, 12),
    "uint16": ("H", 1, 12),
    "int32": ("i", 2, 12),
    "uint32": ("I", 2, 12),
    "int64": ("q", 4, 17),
    "uint64": ("Q", 4, 17),
    "float32": ("f", 2, 9),
    "float64": ("d", 4, 17),
}
_MARK: Final = {"big": ">", "little": "<"}


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a point lives in a Modbus device and how its number is written there.

    Attributes
    ----------
    table
        ``holding`` (read and written), ``input``, ``coil`` (a bit, read and written) or ``discrete`` (a bit).
    address
        From 0, as it goes over the wire (40001 of a manual is holding 0).
    type
        How words make a number; not used for bits.
    word_order, byte_order
        Which word of several, and which byte of a word, comes first.
    scale, offset
        ``value = raw * scale + offset``, in the point's unit.
    bit
        Read only this bit of a word, 0 the least significant.
    invalid
        Raw values with which the device says that the sensor is broken or absent (0x8000, 0xFFFF …).
    """

    address: int
    table: Table = "holding"
    type: Kind = "uint16"
    word_order: Order = "big"
    byte_order: Order = "big"
    scale: float = 1.0
    offset: float = 0.0
    bit: int | None = None
    invalid: list[float] = []

    def __post_init__(self) -> None:
        if not 0 <= self.address <= 0xFFFF or self.address + self.size > 0x10000:
            raise DomainError(f"address {self.address} is not within 0 to 65535")
        if self.scale == 0 or not math.isfinite(self.scale) or not math.isfinite(self.offset):
            raise DomainError("scale and offset must be finite, and scale not 0")
        if self.bit is not None and (self.is_bit or self.words != 1 or not 0 <= self.bit <= 15):
            raise DomainError("bit is 0 to 15 of a 16-bit holding or input register")

    @property
    def is_bit(self) -> bool:
        """Whether the table holds single bits."""
        return self.table in BIT_TABLES

    @property
    def words(self) -> int:
        """Registers the number takes."""
        return _FORMATS[self.type][1]

    @property
    def size(self) -> int:
        """Addresses the point takes in its table."""
        return 1 if self.is_bit else self.words

    @property
    def writable(self) -> bool:
        """Whether Modbus can write it whole: a bit within a word would need the word's other bits."""
        return self.table in ("holding", "coil") and self.bit is None

    def value(self, cells: Sequence[int]) -> float | None:
        """Value of the `size` cells that hold it (words, or one bit); None where the device says there is none."""
        if self.is_bit:
            return float(cells[0])
        if self.bit is not None:
            return float(cells[0] >> self.bit & 1)
        raw = struct.unpack(_MARK[self.word_order] + _FORMATS[self.type][0], self._pack(cells))[0]
        if raw in self.invalid or not math.isfinite(raw):
            return None
        value = raw * self.scale + self.offset
        # 213 * 0.1 is 21.300000000000001: digits the device never had, and bytes on the wire.
        return float(f"{value:.{_FORMATS[self.type][2]}g}")

    def cells(self, value: float) -> list[int]:
        """Cells to write for `value`; DomainError when the register cannot hold it."""
        if self.is_bit:
            return [int(value >= 0.5)]
        raw = (value - self.offset) / self.scale
        code, words, _ = _FORMATS[self.type]
        number: float = raw if code in "fd" else round(raw)
        try:
            packed = struct.pack(_MARK[self.word_order] + code, number)
        except (struct.error, OverflowError) as error:
            raise DomainError(f"{value:g} does not fit into {self.type} with scale {self.scale:g}") from error
        return list(struct.unpack(f"{self._cell_mark}{words}H", packed))

    def tolerance(self, value: float) -> float:
        """Largest rounding error of writing `value` (point's unit)."""
        if self.is_bit:
            return 0.5
        if self.type == "float32":
            return max(abs(value), 1.0) * 1e-6
        if self.type == "float64":
            return max(abs(value), 1.0) * 1e-12
        return abs(self.scale) * 0.501

    @property
    def _cell_mark(self) -> str:
        # Bytes swapped within words and words swapped are one reversal too many of each other, so two marks do.
        return ">" if self.word_order == self.byte_order else "<"

    def _pack(self, cells: Sequence[int]) -> bytes:
        return struct.pack(f"{self._cell_mark}{self.words}H", *cells)


class Block(NamedTuple):
    """Contiguous cells of one table that one request reads, and the points that lie in them."""

    table: Table
    start: int
    length: int
    points: tuple[str, ...]


def plan_blocks(registers: Mapping[str, Register], max_words: int = MAX_WORDS, max_gap: int = 8) -> list[Block]:
    """Cover `registers` (by point id) with few blocks.

    Parameters
    ----------
    max_words
        Most registers in one request, some devices allow fewer than 125; bits may be 16 times as many.
    max_gap
        Cells that nobody asked for, read along when they lie between two points.
    """
    blocks: list[Block] = []
    for point, register in sorted(registers.items(), key=lambda item: (item[1].table, item[1].address, item[0])):
        end = register.address + register.size
        most = min(max_words * 16, MAX_BITS) if register.is_bit else max_words
        last = blocks[-1] if blocks else None
        if last and last.table == register.table:
            last_end = last.start + last.length
            if register.address - last_end <= max_gap and end - last.start <= most:
                blocks[-1] = last._replace(length=max(end, last_end) - last.start, points=(*last.points, point))
                continue
        blocks.append(Block(register.table, register.address, register.size, (point,)))
    return blocks


def split_block(block: Block, registers: Mapping[str, Register]) -> list[Block]:
    """Halve a block of several points, so that the one the device refuses is found in few requests."""
    middle = len(block.points) // 2
    halves = block.points[:middle], block.points[middle:]
    return [_cover(block.table, half, registers) for half in halves]


def _cover(table: Table, points: tuple[str, ...], registers: Mapping[str, Register]) -> Block:
    start = min(registers[p].address for p in points)
    end = max(registers[p].address + registers[p].size for p in points)
    return Block(table, start, end - start, points)
