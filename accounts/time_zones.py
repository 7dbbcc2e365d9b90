"""In whose clock times are shown: each person's own zone, on every page, staff's too, and in every mail.

The first time it is the browser's, which its script puts into a cookie; from then on it stands in the account, and the
person changes it. Who has none reads the site's clock. What is stored is always an instant, and programs get UTC.
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
PROGRAMS = "/api/"
COOKIE = "credits_time_zone"  # set by static/js/time-zone.js


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


def zone_of_address(address: str) -> zoneinfo.ZoneInfo:
    """The zone of whoever has this e-mail address. The site's where nobody has it, or several do."""
    people = people_with(address)[:2]
    return zone_of(people[0] if len(people) == 1 else None)


def choose_zone(user: User, name: str) -> None:
    """Shows times in this zone from now on; empty: in that of the next browser, as the first time.

    Raises:
        UnknownTimeZone: none that can be chosen.
    """
    if name and name not in zone_names():
        raise UnknownTimeZone(_("Choose a time zone from the list."))
    user.time_zone = name
    user.save(update_fields=["time_zone"])


def take_from_browser(user: User, name: str) -> None:
    """Keeps the browser's zone for whoever has none, unless they have chosen one at this very moment. What can't be
    chosen isn't taken either.
    """
    nobody_chose = User.objects.filter(pk=user.pk, time_zone="", erased_at__isnull=True)
    if name in zone_names() and nobody_chose.update(time_zone=name):
        user.time_zone = name


class ActivateTimeZone:
    """Shows the times of pages in the reader's zone. Asks nothing of whoever has no session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(PROGRAMS) or not isinstance(request.user, User):
            return self.get_response(request)
        if not request.user.time_zone and COOKIE in request.COOKIES:
            take_from_browser(request.user, request.COOKIES[COOKIE])
        with timezone.override(zone_of(request.user)):
            return self.get_response(request)
