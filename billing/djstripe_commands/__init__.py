"""Replace harmful dj-stripe commands; must precede ``djstripe`` in INSTALLED_APPS, so that these are found first."""
