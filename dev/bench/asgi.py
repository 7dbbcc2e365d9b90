"""The site as an ASGI application, which production doesn't run: to see what that would cost."""

from __future__ import annotations

from django.core.asgi import get_asgi_application

application = get_asgi_application()
