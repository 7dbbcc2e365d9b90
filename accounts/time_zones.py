"""In whose clock times are shown: a person's own zone where they chose one, else the site's.

What is stored is always an instant. Times of the API and of the admin are not touched: programs get UTC, and staff
all read the same clock.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.errors import UnknownTimeZone
from accounts.models import User

# Places, as people look for them. What else there is are older names for the same.
REGIONS = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)
PROGRAMS = ("/api/", "/admin/")


@cache
def zone_names() -> tuple[str, ...]:
    """The zones that can be chosen, by name: UTC, then places."""
    places = (name for name in zoneinfo.available_timezones() if name.startswith(REGIONS) and "/" in name)
    return ("UTC", *sorted(places))


@cache
def zone_options() -> SafeString:
    """The same as the options of a select, by the part of the world. Written once: four hundred of them took a
    template as long as the rest of the page.
    """
    options = {name: format_html("<option>{}</option>", name) for name in zone_names()}
    regions = ((region, [options[name] for name in options if name.startswith(region)]) for region in REGIONS)
    groups = ((region, format_html_join("", "{}", ((one,) for one in found))) for region, found in regions)
    return options["UTC"] + format_html_join("", '<optgroup label="{}">{}</optgroup>', groups)


def site_zone() -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo(settings.TIME_ZONE)


def zone_of(user: User | None) -> zoneinfo.ZoneInfo:
    """The zone to show times in. The site's for nobody, and for a name that this machine doesn't know any more."""
    default = site_zone()
    if user is None or not user.time_zone:
        return default
    try:
        return zoneinfo.ZoneInfo(user.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return default


def choose_zone(user: User, name: str) -> None:
    """Shows times in this zone from now on; empty: in the site's.

    Raises:
        UnknownTimeZone: none that can be chosen.
    """
    if name and name not in zone_names():
        raise UnknownTimeZone(_("There is no such time zone."))
    user.time_zone = name
    user.save(update_fields=["time_zone"])


class ActivateTimeZone:
    """Shows the times of pages in the reader's zone. Asks nothing of whoever has no session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(PROGRAMS) or not isinstance(request.user, User):
            return self.get_response(request)
        with timezone.override(zone_of(request.user)):
            return self.get_response(request)
