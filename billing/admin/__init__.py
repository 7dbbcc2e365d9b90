from billing.admin import djstripe_pages  # noqa: F401
