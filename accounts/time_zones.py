"""Show times in each user's own zone, on every page, the admin too, and in every email.

The browser's script puts its zone into a cookie, which is saved to the account the first time; the user can change it
later. Without one, times are in the site's zone. Stored times are always instants, and API clients get UTC.
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

from accounts.email_addresses import people_with
from accounts.errors import UnknownTimeZone
from accounts.models import User

# Regions as users search for them. All other names are older aliases.
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
PROGRAMS = "/api/"
COOKIE = "credits_time_zone"  # set by static/js/time-zone.js


@cache
def zone_names() -> tuple[str, ...]:
    """Return the names of the zones to choose from: UTC, then places."""
    places = (name for name in zoneinfo.available_timezones() if name.startswith(REGIONS) and "/" in name)
    return ("UTC", *sorted(places))


@cache
def zone_options() -> SafeString:
    """Return the zones as a select's options, by region. Cached: rendering them took half of a page's time."""
    options = {name: format_html("<option>{}</option>", name) for name in zone_names()}
    regions = ((region, [options[name] for name in options if name.startswith(region)]) for region in REGIONS)
    groups = ((region, format_html_join("", "{}", ((one,) for one in found))) for region, found in regions)
    return options["UTC"] + format_html_join("", '<optgroup label="{}">{}</optgroup>', groups)


def site_zone() -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo(settings.TIME_ZONE)


def zone_of(user: User | None) -> zoneinfo.ZoneInfo:
    """Return the user's zone. The site's for None, and for a name that this machine no longer knows."""
    default = site_zone()
    if user is None or not user.time_zone:
        return default
    try:
        return zoneinfo.ZoneInfo(user.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return default


def zone_of_address(address: str) -> zoneinfo.ZoneInfo:
    """Return the zone of the user with this email address. The site's if no user has it, or several do."""
    people = people_with(address)[:2]
    return zone_of(people[0] if len(people) == 1 else None)


def choose_zone(user: User, name: str) -> None:
    """Save the zone to show times in; empty: take the next browser's.

    Raises:
        UnknownTimeZone: not one to choose from.
    """
    if name and name not in zone_names():
        raise UnknownTimeZone(_("Choose a time zone from the list."))
    user.time_zone = name
    user.save(update_fields=["time_zone"])


def take_from_browser(user: User, name: str) -> None:
    """Save the browser's zone for a user who has none and isn't just choosing one. Unknown zones are ignored."""
    nobody_chose = User.objects.filter(pk=user.pk, time_zone="", erased_at__isnull=True)
    if name in zone_names() and nobody_chose.update(time_zone=name):
        user.time_zone = name


class ActivateTimeZone:
    """Middleware that shows page times in the reader's zone. Requests without a session cost no query."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(PROGRAMS) or not isinstance(request.user, User):
            return self.get_response(request)
        if not request.user.time_zone and COOKIE in request.COOKIES:
            take_from_browser(request.user, request.COOKIES[COOKIE])
        with timezone.override(zone_of(request.user)):
            return self.get_response(request)
