"""One person's export has everything that is held about them, nothing of others, and no secrets."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Field, Model, UUIDField
from django.test import Client
from django.urls import reverse

from accounts.clients.api_keys import create_key
from accounts.clients.models import ApiClient
from accounts.limits.counters import forget_counts
from accounts.models import User
from billing.admin.roles import bring_groups_up_to_date
from billing.privacy.export import export_files, left_out_models, write_export
from credits.gifts import giving as gifts
from credits.ledger.models import Account, Entry
from credits.redemption.models import Redemption
from tests.personal_data.story import AT_CHECKOUT, EMAIL, FINGERPRINT, FIRST, SUBJECT, Story, buy
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db(transaction=True)

MY_DATA = "/credits/my-data"
HELD = {User, Account}


def files_of(user: User) -> dict[str, str]:
    with write_export(user) as file, zipfile.ZipFile(file) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def of_answer(answer: Any) -> dict[str, str]:
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == 'attachment; filename="my-data.zip"'
    assert "no-store" in answer["Cache-Control"]
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


# --- Completeness ---------------------------------------------------------------------------------------------------


def points_at_somebody(field: Field[Any, Any]) -> bool:
    """A foreign key to a person, or to an account; or a bare id that may be one's."""
    if field.is_relation:
        return field.related_model in HELD
    return isinstance(field, UUIDField) and not field.primary_key


def models_about_people() -> set[str]:
    every: list[type[Model]] = apps.get_models(include_auto_created=True)
    return {m._meta.label for m in every if any(map(points_at_somebody, m._meta.local_concrete_fields))}


def test_every_model_that_points_at_somebody_is_exported_or_left_out_with_a_reason() -> None:
    exported = {label for file in export_files() for label in file.models}
    assert not exported & left_out_models().keys()
    assert models_about_people() - exported - left_out_models().keys() == set()
    known = {model._meta.label for model in apps.get_models(include_auto_created=True)}
    assert not (exported | left_out_models().keys()) - known
    assert all(len(reason) > 20 for reason in left_out_models().values())


def test_a_new_model_that_points_at_somebody_would_be_noticed() -> None:
    """The negative control: the look at the models sees those that are there, by either kind of column."""
    about = models_about_people()
    assert {"credits.Gift", "credits.Entry", "purchases.PurchaseEvent", "accounts.User_groups"} <= about


def test_every_file_has_rows_of_somebody_who_did_everything(story: Story) -> None:
    client = ApiClient.objects.get(created_by=story.person)
    secret = create_key(client, name="first").secret
    files = files_of(story.person)

    assert files.keys() == {file.name for file in export_files()} | {"README.txt"}
    assert all(file.name in files["README.txt"] for file in export_files())
    empty = {name for name, text in files.items() if name.endswith(".csv") and not rows_of(text)}
    assert empty == {"team-spending.csv"}  # spent nothing of a team's
    assert secret not in "".join(files.values())
    assert story.person.password not in "".join(files.values())


def test_the_files_say_what_is_held(story: Story) -> None:
    files = files_of(story.person)

    profile = json.loads(files["profile.json"])
    assert (profile["email"], profile["openid_subject"]) == (EMAIL, SUBJECT)
    statement = rows_of(files["statement.csv"])
    entries = Entry.objects.filter(account__owner=story.person).order_by("version")
    assert [row["entry"] for row in statement] == [str(entry.version) for entry in entries]
    assert {row["message"] for row in rows_of(files["gifts.csv"])} == {
        "A present from Zenobia",
        "Dear Zenobia, thank you",
    }
    (redeemed,) = rows_of(files["redemptions.csv"])
    assert (redeemed["credits"], redeemed["team"]) == ("100.000000", "")
    assert redeemed["code_ends_in"] == Redemption.objects.get().code.last4
    events = [json.loads(line) for line in files["stripe-events.jsonl"].splitlines()]
    assert AT_CHECKOUT in json.dumps(events)
    assert {row["status"] for row in rows_of(files["disputes.csv"])} == {"won"}
    assert {row["direction"] for row in rows_of(files["invitations.csv"])} == {"sent", "received"}
    paid = [row for row in rows_of(files["payments.csv"]) if row["state"] == "paid"]
    assert {(row["paid_with"], row["fingerprint"]) for row in paid} == {("Visa •••• 3155", FINGERPRINT)}
    assert {row["amount"] for row in paid} == {"45.00", "10.00", "40.00"}


def test_nothing_of_others_is_in_it(story: Story) -> None:
    files = files_of(story.friend)
    everything = "".join(files.values())
    # Their address stands with what they gave, as in the statement; their purchase with the lot that it was given from.
    purchases = {row["purchase"] for row in rows_of(files["purchases.csv"])}
    assert purchases == {str(pk) for pk in story.friend.purchases.values_list("pk", flat=True)}
    assert FIRST not in "".join(
        text for name, text in files.items() if name not in ("gifts.csv", "gift-orders.csv")
    )
    assert SUBJECT not in everything
    assert FINGERPRINT not in everything
    assert AT_CHECKOUT not in everything


def test_a_gift_tells_its_receiver_nothing_of_the_purchase_that_it_comes_from(sandbox: Sandbox) -> None:
    """Neither which one it was nor what it cost."""
    put_on_sale()
    sandbox.hold_webhooks()
    giver, receiver = UserFactory.create_batch(2)
    purchase = buy(sandbox, giver)
    gifts.give(giver, receiver, Decimal(100), "", key="gift")
    files = files_of(receiver)
    (lot,) = rows_of(files["lots.csv"])

    assert (lot["amount"], lot["cost_minor"], lot["currency"]) == ("100", "", "")
    assert str(purchase.pk) not in "".join(files.values())
    (own,) = rows_of(files_of(giver)["lots.csv"])
    assert (own["cost_minor"], own["currency"]) == ("4500", "usd")


def test_a_note_of_staff_stays_with_staff(story: Story) -> None:
    assert "wrote to us" not in "".join(files_of(story.person).values())


def test_words_that_a_spreadsheet_would_run_are_harmless(sandbox: Sandbox, story: Story) -> None:
    story.person.gifts_sent.update(message="=HYPERLINK(1)")
    (sent,) = [row for row in rows_of(files_of(story.person)["gifts.csv"]) if row["message"].startswith("'=")]
    assert sent["direction"] == "sent"


def test_somebody_without_an_account_has_an_export_too(sandbox: Sandbox) -> None:
    files = files_of(UserFactory.create())
    assert "statement.csv" not in files
    assert "profile.json" in files


# --- Access -------------------------------------------------------------------------------------------------------


def test_people_download_their_own(sandbox: Sandbox) -> None:
    ada, grace = UserFactory.create(), UserFactory.create()
    client = sign_in(ada)
    assert MY_DATA in client.get("/credits/statement/").content.decode()
    files = of_answer(client.post(MY_DATA))
    assert json.loads(files["profile.json"])["id"] == str(ada.pk)
    assert str(grace.pk) not in "".join(files.values())


def test_a_link_alone_starts_no_download(sandbox: Sandbox) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory.create(), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(MY_DATA).status_code == 405
    assert client.post(MY_DATA).status_code == 403
    assert Client().post(MY_DATA).status_code == 302  # to the sign-in


def test_a_third_download_within_a_minute_is_refused(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_counts()
    monkeypatch.setattr("accounts.limits.rates.time.time", lambda: 1_800_000_000.0)
    client = sign_in(UserFactory.create())
    answers: list[Any] = [client.post(MY_DATA) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 302]
    forget_counts()


def test_staff_with_the_permission_download_somebodys(sandbox: Sandbox) -> None:
    bring_groups_up_to_date()
    person = UserFactory.create()
    address = reverse("admin:accounts_user_export", args=[person.pk])
    clerk, finance = UserFactory.create(is_staff=True), UserFactory.create(is_staff=True)
    finance.groups.add(apps.get_model("auth.Group").objects.get(name="finance"))

    assert sign_in(clerk).get(address).status_code == 403
    files = of_answer(sign_in(finance).get(address))
    assert json.loads(files["profile.json"])["id"] == str(person.pk)
