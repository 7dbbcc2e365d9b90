"""Moments of the sandbox's clock, for people and for cards."""

from datetime import UTC, datetime


def read_month(moment: int) -> tuple[int, int]:
    """The year and month of a Unix time, in UTC: a card is good to the end of its month."""
    date = datetime.fromtimestamp(moment, UTC)
    return date.year, date.month


def format_moment(moment: int) -> str:
    """A Unix time as people read it, e.g. 21 Nov 2026, 04:30 UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%d %b %Y, %H:%M UTC")
