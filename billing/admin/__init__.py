"""The back office of billing."""

from billing.admin import djstripe_pages, inbox, packages, purchases

__all__ = ["djstripe_pages", "inbox", "packages", "purchases"]
