"""Mask personal data in Stripe's objects, for staff who may read payloads but not personal data.

Types, ids, amounts, statuses and times remain. Values under a key of `KEYS`, or one that ends with one of `ENDINGS`,
are masked with all they contain; so are email addresses, telephone numbers and IP addresses anywhere. A new personal
field in one of these objects is masked; elsewhere, its key must be added here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

MASK = "•••"

# Objects and lists of personal data only.
ABOUT_SOMEBODY = {
    "billing_details", "collected_information", "company", "custom_fields", "customer_details", "customer_shipping",
    "evidence", "individual", "ip_address_location", "owner", "person", "shipping", "shipping_details", "tax_ids",
    "verified_outputs",
}  # fmt: skip
NAMES = {
    "account_holder_name", "bank_account_holder_name", "business_name", "buyer_name", "cardholder_name",
    "customer_name", "first_name", "full_name", "individual_name", "last_name", "maiden_name", "name", "nickname",
    "payer_name", "recipient_name", "sender_name", "ship_to_name", "username", "verified_name",
}  # fmt: skip
CONTACTS = {
    "address_city", "address_line1", "address_line2", "address_state", "address_zip", "city", "line1", "line2",
    "mobile_number", "phone_number", "postal_code", "zip",
}  # fmt: skip
PAYMENT_MEANS = {
    "account_number", "bank_code", "bban", "bic", "branch_code", "bsb_number", "buyer_id", "cashtag", "exp_month",
    "exp_year", "iban", "iin", "institution_number", "mandate_reference", "network_transaction_id", "payer_id",
    "routing_number", "sort_code", "swift_code", "transit_number",
}  # fmt: skip
IDENTITIES = {
    "client_ip", "cpf", "customer_purchase_ip", "customer_tax_ids", "date_of_birth", "device_id", "dob", "gender",
    "id_number", "ip", "personal_id", "tax_id", "user_agent", "vat_id",
}  # fmt: skip
# Links and secrets that give access to the rest.
DOORS = {
    "client_secret", "hosted_instructions_url", "hosted_invoice_url", "hosted_regulatory_receipt_url",
    "hosted_voucher_url", "invoice_pdf", "pdf", "receipt_url", "secret", "url",
}  # fmt: skip
KEYS = ABOUT_SOMEBODY | NAMES | CONTACTS | PAYMENT_MEANS | IDENTITIES | DOORS
# Such as receipt_email, support_phone, shipping_address, iban_last4, ssn_last_4 and device_fingerprint.
ENDINGS = ("email", "email_address", "phone", "address", "last4", "last_4", "fingerprint")
# Keys with another meaning in one type of object: whether they are personal there.
OF_OBJECTS = {
    ("customer", "description"): True,
    ("tax_id", "value"): True,
    ("radar.value_list_item", "value"): True,
    ("product", "name"): False,
    ("product", "url"): False,
    ("list", "url"): False,
}

# Lengths are bounded; otherwise a long word would be scanned to its end from each of its letters.
EMAIL = re.compile(r"[^\s@<>()\[\]\"',;:]{1,250}@[^\s@<>()\[\]\"',;:]{1,250}")
TELEPHONE = re.compile(r"\+\d[\d\s()./-]{5,}\d")


def masked(value: Any) -> Any:
    """Return the same JSON with `MASK` for personal data; empty values stay, to show that none was given."""
    if isinstance(value, Mapping):
        kind = str(value.get("object"))
        return {
            key: _hidden(held) if _is_personal(kind, key) else masked(held) for key, held in value.items()
        }
    if isinstance(value, list):
        return [masked(held) for held in value]
    return masked_text(value) if isinstance(value, str) else value


def masked_text(text: str) -> str:
    """Mask email addresses and telephone numbers in a text, or all of it if it is an IP address."""
    return MASK if _is_ip_address(text) else TELEPHONE.sub(MASK, EMAIL.sub(MASK, text))


def _is_personal(kind: str, key: str) -> bool:
    """Return whether a key is personal in an object of type ``kind``, as Stripe names it."""
    if (kind, key) in OF_OBJECTS:
        return OF_OBJECTS[kind, key]
    return key.lower() in KEYS or key.lower().endswith(ENDINGS)


def _hidden(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _hidden(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_hidden(held) for held in value]
    return value if value is None or value == "" or isinstance(value, bool) else MASK


def _is_ip_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
