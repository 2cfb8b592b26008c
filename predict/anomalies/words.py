"""One sentence for a person about an event."""

from __future__ import annotations

from predict.anomalies.event import Closing, Event, Kind


def explain(event: Event) -> str:
    """What was seen, by how much, and what it may mean."""
    more = _share(event)
    match event.kind:
        case Kind.SPIKE:
            text = f"{event.hours} h at {event.actual:.4g} {event.unit} where {event.expected:.4g} was usual"
        case Kind.STUCK:
            what = "Nothing was counted" if event.actual == 0 else f"The same value, {event.actual:.4g} {event.unit},"
            text = f"{what} for {event.hours} h; {event.expected:.4g} {event.unit} an hour was expected"
        case Kind.LEVEL_SHIFT:
            text = f"The whole level lies {more} what was usual before, day and night"
        case Kind.DRIFT:
            text = f"The level has drifted to {more} what was usual a month before"
        case Kind.BASE_LOAD:
            text = f"Nights or free days use {more} what they usually do: something stays on"
        case Kind.SENSOR_DEVIATION:
            text = f"The sensor says {event.actual:.4g} {event.unit} where {event.expected:.4g} is predicted"
        case _:
            text = event.explanation
    if event.closing is Closing.ACCEPTED:
        text += ". It has lasted for so long that it counts as the new normal: enter it as a non-routine change"
    return text + "."


def _share(event: Event) -> str:
    if not event.expected:
        return "away from"
    share = 100 * (event.actual / event.expected - 1)
    return f"{abs(share):.0f} % {'above' if share >= 0 else 'below'}"
