"""The admin's sidebar."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def sections(request: HttpRequest) -> list[dict[str, Any]]:
    return []
