"""A scanned code is in the form when its reader has signed in, and in no request before."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from accounts.limits.counters import forget_counts
from accounts.models import User
from credits.redemption.links import link_of
from credits.redemption.models import CodeBatch
from tests.admin.pages import add_to
from tests.browser.walking import OpenPage
from tests.redemption.builders import balance_of, new_code

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_scanned_code_is_filled_in_after_signing_in(
    open_page: OpenPage, buyer: User, live_server: Any, settings: Any
) -> None:
    forget_counts()
    settings.SITE_URL = live_server.url
    buyer.set_password("correct horse")
    buyer.save()
    code = new_code(validity_days=30)
    page = open_page()
    sent: list[str] = []
    page.on(
        "request", lambda request: sent.append(f"{request.url} {request.post_data or ''} {request.headers}")
    )
    page.goto(link_of(code))
    page.fill("#id_username", buyer.username)
    page.fill("#id_password", "correct horse")
    page.locator("form:has(#id_password) button").click()
    expect(page.get_by_label("Code")).to_have_value(code)
    assert "#" not in page.url
    assert not [each for each in sent if code in each]

    page.reload()
    expect(page.get_by_label("Code")).to_have_value("")
    page.get_by_label("Code").fill(code.lower().replace("-", " "))
    page.get_by_role("button", name="Redeem").click()
    expect(page.get_by_role("status")).to_contain_text("100 credits added. They’re valid until")
    assert balance_of(buyer) == 100


def test_staff_take_new_codes_with_them_as_files(open_page: OpenPage, superuser: User) -> None:
    page = open_page(superuser)
    page.goto(add_to(CodeBatch))
    expect(page.get_by_role("button", name="Save and")).to_have_count(0)
    for field, text in (
        ("name", "Conference"),
        ("credits", "250"),
        ("count", "3"),
        ("reason", "For the booth"),
    ):
        page.fill(f"#id_{field}", text)
    page.locator("[name=_save]").click()
    codes = page.locator("textarea[name=codes]").input_value().split()
    assert len(codes) == 3
    for kind, name in (("CSV", ".csv"), ("PDF", ".pdf")):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Download {kind}").click()
        assert download.value.suggested_filename.endswith(name)
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text(f"…{codes[0][-4:]}")).to_be_visible()
    assert codes[0] not in page.content()
