"""Dead letters: messages that could not be used, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import Query
from pydantic import BaseModel, Field

from api.access import TheRegistry
from api.paging import Cursor, Page, decode_cursor, encode_cursor
from api.routes import resource
from api.times import utc

router = resource("dead letters")

_LISTING: Final = "dead-letters"
_SHOWN_CHARACTERS: Final = 2000


class DeadLetterOut(BaseModel):
    """A message that could not be used."""

    time: datetime = Field(description="When it was put aside, UTC.")
    topic: str
    code: str = Field(examples=["payload.undecodable"])
    reason: str
    payload: str = Field(description="Its beginning as text.")
    size_bytes: int


class DeadLettersPage(Page[DeadLetterOut]):
    """Dead letters, newest first."""

    total: int = Field(description="How many are kept.")


@router.get("/dead-letters")
def list_dead_letters(
    *, registry: TheRegistry, limit: Annotated[int, Query(ge=1, le=500)] = 50, cursor: Cursor = None
) -> DeadLettersPage:
    """List dead letters, newest first, with their count."""
    letters = registry.dead_letters(limit + 1, decode_cursor(_LISTING, cursor, int))
    return DeadLettersPage(
        items=[
            DeadLetterOut(
                time=utc(letter.time_ms),
                topic=letter.topic,
                code=letter.code,
                reason=letter.reason,
                payload=letter.payload.decode(errors="replace")[:_SHOWN_CHARACTERS],
                size_bytes=letter.size_bytes,
            )
            for letter in letters[:limit]
        ],
        next=encode_cursor(_LISTING, letters[limit - 1].sequence) if len(letters) > limit else None,
        total=registry.count_dead_letters(),
    )
