"""Define the admin's colours and subtitle for unfold's settings."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import gettext as _

# The blue of the customers' pages, in unfold's eleven steps (Tailwind's blue).
PRIMARY = {
    "50": "oklch(97% .014 254.604)",
    "100": "oklch(93.2% .032 255.585)",
    "200": "oklch(88.2% .059 254.128)",
    "300": "oklch(80.9% .105 251.813)",
    "400": "oklch(70.7% .165 254.624)",
    "500": "oklch(62.3% .214 259.815)",
    "600": "oklch(54.6% .245 262.881)",
    "700": "oklch(48.8% .243 264.376)",
    "800": "oklch(42.4% .199 265.638)",
    "900": "oklch(37.9% .146 265.522)",
    "950": "oklch(28.2% .091 267.935)",
}


def time_zone(request: HttpRequest) -> str:
    """Name the time zone once, below the site's name, instead of beside every time."""
    return _("Times in %s") % get_current_timezone_name()
