"""dj-stripe's management commands, as far as they do no harm here. An app that stands before ``djstripe`` in
INSTALLED_APPS, so that its commands are found in place of those.
"""
