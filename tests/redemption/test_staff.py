"""Staff make batches, see their codes once, and see and revoke what is out."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import segno
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from accounts.audit.models import AuditEntry
from accounts.models import User
from credits.redemption.codes import hash_code, read_code
from credits.redemption.errors import CodeInvalid
from credits.redemption.files import QR, codes_pdf
from credits.redemption.models import Code, CodeBatch
from tests.admin.pages import (
    add_to,
    button_of,
    count_queries,
    history_of,
    list_of,
    messages_after,
    page_of,
    press,
    read,
    rows_of,
)
from tests.redemption.builders import new_batch, new_code, redeem_code, the_code
from tests.support.builders import UserFactory
from tests.support.signing_in import allow, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def maker(clerk: User) -> Client:
    return allow(clerk, "add_codebatch")


def form(**changes: str) -> dict[str, str]:
    return {
        "name": "Conference",
        "credits": "2.5",
        "count": "3",
        "uses": "1",
        "last_day": "",
        "validity_days": "",
        "reason": "For the booth",
        "form_key": str(uuid4()),
        **changes,
    }


def make(client: Client, **changes: str) -> Any:
    return client.post(add_to(CodeBatch), form(**changes))


def codes_on(answer: Any) -> list[str]:
    return list(answer.context["codes"].split())


def file_of(client: Client, codes: list[str], kind: str = "csv", batch: CodeBatch | None = None) -> Any:
    url = reverse("admin:redemption_codebatch_file", args=[(batch or CodeBatch.objects.get()).pk])
    return client.post(url, {"codes": "\r\n".join(codes), "kind": kind})


# --- Making ---------------------------------------------------------------------------------------------------------


def test_a_new_batch_shows_its_codes_once_and_the_database_has_only_hashes(
    maker: Client, clerk: User
) -> None:
    tomorrow = timezone.localdate() + timedelta(days=1)
    answer = make(maker, last_day=tomorrow.isoformat(), validity_days="30", uses="2")
    assert (answer.status_code, "no-store" in answer["Cache-Control"]) == (200, True)
    codes = codes_on(answer)
    batch = CodeBatch.objects.get()
    assert (batch.created_by, batch.count, batch.uses, batch.validity_days) == (clerk, 3, 2, 30)
    assert batch.expires_at is not None
    assert timezone.localdate(batch.expires_at) == tomorrow

    stored = list(Code.objects.order_by("pk").values_list("code_hash", "last4", "uses_left"))
    assert stored == [(hash_code(read_code(code) or ""), code[-4:], 2) for code in codes]
    for url in (page_of(batch), list_of(CodeBatch), list_of(Code), page_of(Code.objects.first())):  # type: ignore[arg-type]
        page = read(maker, url)
        assert not [code for code in codes if code in page or (read_code(code) or "") in page], url
    assert redeem_code(UserFactory.create(), codes[0]).amount == batch.credits


def test_a_form_sent_twice_makes_one_batch(maker: Client) -> None:
    key = str(uuid4())
    make(maker, form_key=key)
    again = make(maker, form_key=key)
    assert (again.status_code, again["Location"]) == (302, page_of(CodeBatch.objects.get()))
    assert "can’t be shown again" in messages_after(again)[0]
    assert Code.objects.count() == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("credits", "0"),
        ("credits", "1e3"),
        ("credits", "0.0000001"),
        ("count", "0"),
        ("count", "1001"),
        ("uses", "0"),
        ("last_day", "2020-01-01"),
        ("last_day", "9999-12-31"),
        ("validity_days", "0"),
        ("name", ""),
        ("reason", " "),
        ("reason", "r" * 201),
    ],
)
def test_a_wrong_term_is_named_beside_its_field_and_nothing_is_made(
    maker: Client, field: str, value: str
) -> None:
    answer = make(maker, **{field: value})
    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [field]
    assert not CodeBatch.objects.exists()


def test_staff_without_the_permission_make_and_revoke_nothing(as_clerk: Client) -> None:
    new = new_batch()
    assert make(as_clerk).status_code == 403
    assert file_of(as_clerk, new.codes).status_code == 403
    for row in (new.batch, the_code()):
        assert as_clerk.get(page_of(row)).status_code == 200
        press(as_clerk, row, "revoke")
    assert redeem_code(UserFactory.create(), new.codes[0]).amount == 100
    assert sign_in(UserFactory.create()).get(list_of(CodeBatch)).status_code == 302


def test_the_audit_says_who_made_a_batch_and_why_and_nothing_of_redemptions(
    maker: Client, clerk: User
) -> None:
    code = codes_on(make(maker))[0]
    entry = AuditEntry.objects.get(kind="redemption.codebatch")
    assert (entry.kind, entry.act, entry.actor_id) == ("redemption.codebatch", "created", clerk.pk)
    assert entry.after is not None
    assert (entry.after["reason"], entry.after["count"]) == ("For the booth", 3)
    redeem_code(UserFactory.create(), code)
    assert AuditEntry.objects.filter(kind__startswith="redemption.").count() == 1


# --- Files ----------------------------------------------------------------------------------------------------------


def test_the_csv_file_has_each_code_with_its_link(maker: Client, settings: Any) -> None:
    settings.SITE_URL = "https://credits.example.com"
    codes = codes_on(make(maker))
    answer = file_of(maker, codes)
    assert (answer.status_code, "no-store" in answer["Cache-Control"]) == (200, True)
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [row["code"] for row in rows] == codes
    assert rows[0] == {
        "code": codes[0],
        "credits": "2.5",
        "uses": "1",
        "expires": "",
        "link": f"https://credits.example.com/credits/redeem/#{codes[0]}",
    }
    assert AuditEntry.objects.filter(act="downloaded").count() == 1


def test_the_pdf_has_each_code_as_text_and_ten_to_a_page(maker: Client) -> None:
    codes = codes_on(make(maker, count="11"))
    answer = file_of(maker, codes, "pdf")
    assert (answer["Content-Type"], "no-store" in answer["Cache-Control"]) == ("application/pdf", True)
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages]
    assert [sum(code in page for code in codes) for page in pages] == [10, 1]
    assert "2.5 credits" in pages[0]


def test_the_qr_of_the_pdf_is_that_of_the_link(settings: Any) -> None:
    settings.SITE_URL = "https://credits.example.com"
    new = new_batch()
    content = PdfReader(io.BytesIO(codes_pdf(new.batch, new.codes))).pages[0].get_contents()
    assert content is not None
    filled = [
        line.split() for line in content.get_data().decode("latin-1").splitlines() if line.endswith(" re f")
    ]
    link = f"https://credits.example.com/credits/redeem/#{new.codes[0]}"
    wanted = segno.make(link, error="m", micro=False)
    modules = wanted.symbol_size(border=2)[0]
    drawn = set()
    point = 72 / 25.4
    left = min(float(x) for x, *_rest in filled)
    top = max(float(y) for _x, y, *_rest in filled)
    for x, y, width, *_rest in filled:
        size = QR / modules * point
        column, row = round((float(x) - left) / size), round((top - float(y)) / size)
        drawn |= {(row, column + more) for more in range(round(float(width) / size))}
    assert drawn == {(y, x) for y, line in enumerate(wanted.matrix) for x, dark in enumerate(line) if dark}


def test_a_file_is_made_of_the_batchs_own_codes_only(maker: Client) -> None:
    codes = codes_on(make(maker))
    other = new_batch().codes
    batch = CodeBatch.objects.get(count=3)
    for wrong in (codes[:2], [*codes, *other], [*codes[:2], *other], [], ["hello"]):
        answer = file_of(maker, wrong, batch=batch)
        assert (answer.status_code, answer["Location"]) == (302, page_of(batch)), wrong
    assert not AuditEntry.objects.filter(act="downloaded").exists()
    assert maker.get(reverse("admin:redemption_codebatch_file", args=[batch.pk])).status_code == 405


# --- State of a batch --------------------------------------------------------------------------------------------


def test_the_pages_show_state_and_who_redeemed_what(as_clerk: Client) -> None:
    new = new_batch(count=3)
    grace: User = UserFactory.create(username="grace")
    redeem_code(grace, new.codes[0])
    for page in (read(as_clerk, page_of(new.batch)), read(as_clerk, list_of(Code))):
        assert page.count("grace") >= 1
        assert f"…{new.codes[0][-4:]}" in page
        assert "used up" in page.lower()
    assert "1 of 3" in read(as_clerk, page_of(new.batch))
    code = Code.objects.get(last4=new.codes[0][-4:])
    page = read(as_clerk, page_of(code))
    assert "grace" in page
    assert page_of(code.redemptions.get().entry) in page
    customer = read(as_clerk, reverse("customer", args=[grace.pk]))
    assert f"100 credits with code …{code.last4}" in customer
    assert rows_of(as_clerk, list_of(Code), q=new.codes[0][-4:].lower()) == [code]
    assert len(rows_of(as_clerk, list_of(Code), batch__id__exact=str(new.batch.pk))) == 3


def test_no_page_asks_more_for_more_codes(as_clerk: Client) -> None:
    few = new_batch(count=2)
    redeem_code(UserFactory.create(), few.codes[0])
    urls = (list_of(CodeBatch), list_of(Code), page_of(few.batch))
    before = [count_queries(as_clerk, url) for url in urls]
    many = new_batch(count=30)
    for code in many.codes[:10]:
        redeem_code(UserFactory.create(), code)
    after = [count_queries(as_clerk, url) for url in (*urls[:2], page_of(many.batch))]
    assert after == before


@pytest.mark.parametrize("model", [CodeBatch, Code])
def test_revoking_stops_what_is_left_and_says_who_and_why(
    model: type[CodeBatch] | type[Code], clerk: User
) -> None:
    client = allow(clerk, "change_codebatch")
    code = new_code(uses=2)
    redeem_code(UserFactory.create(), code)
    row = model.objects.get()
    press(client, row, "revoke")
    with pytest.raises(CodeInvalid):
        redeem_code(UserFactory.create(), code)
    assert history_of(row) == [(clerk.get_username(), "Revoked: The job died")]
    entry = AuditEntry.objects.latest("pk")
    assert (entry.kind, entry.act, entry.actor_id) == (row._meta.label_lower, "changed", clerk.pk)

    again = client.post(button_of(row, "revoke"), {"_form_submitted": "True", "reason": "Twice"})
    assert "Nothing changed" in messages_after(again)[-1]
    assert len(history_of(row)) == 1
