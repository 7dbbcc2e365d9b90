"""Nothing to visit: django-oscar wants to be told of some addresses."""

from __future__ import annotations

from typing import Any

urlpatterns: list[Any] = []
