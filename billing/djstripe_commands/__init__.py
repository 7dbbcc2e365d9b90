"""Replace dj-stripe's management commands with harmless ones; listed before ``djstripe`` in INSTALLED_APPS to come
first.
"""
