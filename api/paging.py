"""Pages of a list: a cursor is opaque, belongs to one list, and stays valid while the list grows."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Generic, TypeVar

import msgspec
from fastapi import Query
from pydantic import BaseModel, Field

from api.errors import RequestError

Item = TypeVar("Item")
P = TypeVar("P", int, str)

Cursor = Annotated[str | None, Query(description="`next` of the page before; none: the first page.", max_length=400)]


class Page(BaseModel, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    next: str | None = Field(default=None, description="Cursor of the next page; null on the last.")


def encode_cursor(listing: str, position: int | str) -> str:
    """Cursor to go on after `position` in `listing`."""
    return base64.urlsafe_b64encode(msgspec.json.encode((listing, position))).rstrip(b"=").decode()


def decode_cursor(listing: str, cursor: str | None, kind: type[P]) -> P | None:
    """Position of a cursor that `encode_cursor` made for the same listing; RequestError for anything else."""
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        found, position = msgspec.json.decode(raw, type=tuple[str, kind])  # type: ignore[valid-type]  # a type at run time
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise RequestError("cursor: not one that this API gave", field="cursor") from error
    if found != listing or (isinstance(position, int) and abs(position) > 2**62):
        raise RequestError("cursor: it belongs to another list", field="cursor")
    return position
