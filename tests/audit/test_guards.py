"""Entries can't be altered, by nobody's SQL, and hold neither secrets nor what is said of a person."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pgtrigger
import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, transaction
from django.db.models import F

from accounts.audit.models import AuditEntry
from accounts.audit.recording import record_act
from accounts.audit.wording import ACTS
from billing.purchases.models import Purchase

pytestmark = pytest.mark.django_db

# What is not recorded of a watched table: no act changes it, it is the site's own work, or it is said of a person.
LEFT_OUT = {
    "accounts_user": {
        "last_login",
        "date_joined",
        "claims_issued_at",
        "time_zone",
        "language",
        "browser_language",
        "erased_at",
        "email_key",
    },
    "auth_group": set(),
    "packages_package": {"awaits_adoption"},
    "packages_customamount": set(),
    "packages_packageprice": set(),
    "plans_plan": {"stripe_interval"},
    "discounts_discountcode": {"created_at", "used"},
    "discounts_codeamount": set(),
    "discounts_sale": {"created_at"},
    "discounts_multibuy": {"created_at"},
    "referrals_referrer": {"user_id", "created_at"},
    "referrals_referral": {"referred_id", "created_at"},
    "refunds_refund": {"idempotency_key", "created_at", "mailed_at"},
    "reconciliation_reconciliationfinding": {
        "run_id", "key", "kind", "detail", "purchase_id", "subscription_id", "session_id", "times", "found_at",
    },
    "purchases_purchase": {
        "package_id", "package_name", "attention_detail", "idempotency_key", "request_fingerprint",
        "stripe_customer_id", "checkout_url", "created_at", "confirmation_sent_at", "failure_mailed_at",
        "invoiced_by_stripe", "once_per_buyer", "asked_stripe_at", "charged_method_id", "consent_id",
        "stripe_invoice_id", "credits_expire_at", "grants_count", "quantity", "sale_name", "sale_minor",
        "multi_buy_name", "multi_buy_minor", "discount_code", "code_minor", "tax_behavior", "tax_minor", "tax_note",
        "allows_promotion", "promotion_minor", "promotion_code", "bonus_credits", "bonus_validity_days",
    },
    "purchases_purchaseevent": {"from_status", "source", "detail", "stripe_event_id", "actor_id", "created_at"},
    "refunds_dispute": {
        "reason", "due_by", "stripe_dispute_id", "made_at", "created_at", "staff_told_at",
    },
    "purchases_payment": {
        "detail", "method", "brand", "last4", "fingerprint", "wallet", "bank", "made_at", "reported_at", "created_at",
        "tax_minor",
    },
    "inbox_inboxevent": {
        "type", "api_version", "livemode", "account", "payment_ref", "payload", "stripe_created", "received_at", "note",
        "mirrored_at",
    },
    "notes_note": {"key", "created_at"},
    "auto_top_up_autotopup": {
        "declined_method_id", "asked_at", "limit_reached_in", "created_at", "agreed_minor", "agreed_credits",
    },
    "auto_top_up_pause": {"created_at"},
    "credits_adjustment": {"asked_at"},
    "redemption_codebatch": {"key", "created_at"},
    "redemption_code": {"batch_id", "code_hash", "last4", "uses_left"},
    "rates_rate": set(),
    "rates_markup": set(),
    "teams_membership": {"joined_at"},
    "clients_apiclient": {"last_used_at", "created_at"},
    "clients_apikey": {"last_used_at"},
}  # fmt: skip
LINKS = {
    "accounts_user_groups",
    "accounts_user_user_permissions",
    "auth_group_permissions",
    "discounts_discountcode_packages",
    "discounts_sale_packages",
    "discounts_multibuy_packages",
}
# The ledger's tables and holds: each spend writes them, and the ledger's own seal tells of any change.
NEVER_WATCHED = {"credits_account", "credits_lot", "credits_entry", "credits_hold", "credits_clawback"}
PERSONAL = re.compile(r"mail|password|secret|hash|token|username|first_name|last_name|oidc_sub|payload")


@pytest.fixture
def entry() -> AuditEntry:
    return record_act("downloaded", Purchase, {"file": "purchases"})


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_auditentry SET actor_id = NULL",
        "UPDATE audit_auditentry SET at = now()",
        "DELETE FROM audit_auditentry",
        "TRUNCATE audit_auditentry",
        "TRUNCATE audit_auditentry CASCADE",
    ],
)
def test_sql_alters_no_entry(entry: AuditEntry, change: str) -> None:
    with (
        connection.cursor() as cursor,
        pytest.raises(ProgrammingError, match=r"Cannot \w+ audit_auditentry"),
        transaction.atomic(),
    ):
        cursor.execute(change)
    assert AuditEntry.objects.filter(pk=entry.pk, act="downloaded").exists()


@pytest.mark.parametrize("field", [field.attname for field in AuditEntry._meta.fields])
def test_no_column_of_an_entry_changes(entry: AuditEntry, field: str) -> None:
    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        AuditEntry.objects.update(**{field: F(field)})


def test_an_upsert_alters_no_entry(entry: AuditEntry) -> None:
    entry.act = "nothing"
    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        AuditEntry.objects.bulk_create(
            [entry], update_conflicts=True, unique_fields=["id"], update_fields=["act"]
        )


def test_a_script_that_ignores_other_guards_is_refused_and_recorded(entry: AuditEntry) -> None:
    with pgtrigger.ignore(), pytest.raises(ProgrammingError, match="Cannot delete"), transaction.atomic():
        entry.delete()
    before = AuditEntry.objects.count()
    with pgtrigger.ignore(), connection.cursor() as cursor:
        cursor.execute("UPDATE auth_group SET name = 'ours' WHERE name = 'finance'")
    assert AuditEntry.objects.count() == before + 1


# --- What is watched --------------------------------------------------------------------------------------------------


def watched() -> dict[str, tuple[set[str], set[str]]]:
    """Of each table that `audit_row` watches, its recorded and its hidden columns, as the database has them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, encode(tgargs, 'escape') FROM pg_trigger"
            " WHERE tgfoid = 'audit_row'::regproc AND tgenabled = 'O'"
        )
        found = {}
        for table, arguments in cursor.fetchall():
            _kind, _key, _name, recorded, hidden, *_rest = arguments.split(r"\000")
            found[table] = (columns_in(recorded), columns_in(hidden))
    return found


def columns_in(array: str) -> set[str]:
    return set(array.strip("{}").split(",")) - {""}


def test_every_column_of_a_watched_table_is_recorded_or_left_out_on_purpose() -> None:
    found = watched()
    assert found.keys() == LEFT_OUT.keys()
    for model in apps.get_models():
        if model._meta.db_table in found:
            columns = {field.column for field in model._meta.local_fields} - {"id"}
            recorded, _hidden = found[model._meta.db_table]
            assert recorded | LEFT_OUT[model._meta.db_table] == columns, model
            assert not recorded & LEFT_OUT[model._meta.db_table], model


def test_a_change_of_every_watched_table_is_watched() -> None:
    """Dropping a column silently drops the triggers that name it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger"
            " WHERE tgfoid = 'audit_row'::regproc AND tgname = 'audit_update' AND tgenabled = 'O'"
        )
        assert {table for (table,) in cursor.fetchall()} == LEFT_OUT.keys() - {"purchases_purchaseevent"}


def test_what_links_people_to_rights_is_watched_and_the_hot_path_is_not() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger"
            " WHERE tgfoid IN ('audit_row'::regproc, 'audit_link'::regproc)"
        )
        tables = {table for (table,) in cursor.fetchall()}
    assert tables == LEFT_OUT.keys() | LINKS
    assert not tables & NEVER_WATCHED


def test_no_secret_and_nothing_of_a_person_is_recorded_in_the_open() -> None:
    for table, (recorded, hidden) in watched().items():
        assert not {column for column in recorded - hidden if PERSONAL.search(column)}, table


def test_every_watched_table_and_every_other_act_is_documented() -> None:
    guide = Path("docs/audit.md").read_text()
    acts = ACTS.keys() - {"created", "changed", "deleted"}
    assert {name for name in {*LEFT_OUT, *LINKS, *acts} if f"`{name}`" not in guide} == set()


def test_no_other_table_keeps_a_history() -> None:
    """One place to look at, and to keep clean."""
    kept: list[Any] = [model for model in apps.get_models() if hasattr(model, "pgh_tracked_model")]
    assert kept == []
