"""Check the permission to download sales data."""

from __future__ import annotations

from django.http import HttpRequest

DOWNLOAD_SALES = "purchases.download_sales"


def may_download(request: HttpRequest) -> bool:
    return request.user.has_perm(DOWNLOAD_SALES)
