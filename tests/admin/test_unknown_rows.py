"""An address of the back office that names no row is a 404 or leads elsewhere, and never a crash."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.config.routes import NOBODY, every_route

pytestmark = pytest.mark.django_db
OF_A_ROW = sorted(
    {address for address, _view in every_route() if address.startswith("/admin/") and "/x/" in address}
)


@pytest.mark.parametrize(("method", "key"), [("get", "_00"), ("post", NOBODY)])
def test_what_names_no_row_is_no_crash(as_superuser: Client, method: str, key: str) -> None:
    as_superuser.raise_request_exception = False
    assert len(OF_A_ROW) > 50
    crashed = [
        address
        for address in OF_A_ROW
        if getattr(as_superuser, method)(address.replace("/x/", f"/{key}/")).status_code >= 500
    ]
    assert crashed == []
