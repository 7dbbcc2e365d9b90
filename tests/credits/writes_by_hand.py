"""Raw SQL that writes into the books past the ledger: right, and with one thing wrong each.

The statements name rows as the fixture of `test_guards` does: an ``account`` with one grant of 100 of which a ``hold``
holds 30, and an ``other`` with one grant of 50.
"""

from __future__ import annotations

from typing import Any

# What the ledger would write, each with one thing wrong. Account and lot first: the entry's guard looks at them.
ACCOUNT = "UPDATE credits_account SET balance = {balance}, version = {version} WHERE id = %(account)s"
LOT = """
INSERT INTO credits_lot (account_id, amount, remaining, exhausted, promotional, currency, reference)
VALUES (%(account)s, {amount}, {amount}, {amount} = 0, false, '', '')
"""
ENTRY = """
INSERT INTO credits_entry (account_id, version, kind, amount, balance_after, owed, lots, moved, key, reference,
                           metadata, hash)
VALUES (%(account)s, {version}, 'purchase', {amount}, {after}, {owed}, {lots}, {moved}, {key}, '', '{{}}', {hash})
"""
NEW_LOT = "(SELECT max(id) FROM credits_lot)"


def entry(**facts: Any) -> str:
    """An entry by hand that leaves the seal to its guard, unless told otherwise."""
    return ENTRY.format(**{"hash": "''", **facts})


def booking(**wrong: Any) -> str:
    """A second grant of 10 by hand; right, unless told otherwise."""
    facts: dict[str, Any] = {
        "version": 2,
        "amount": 10,
        "after": 110,
        "balance": 110,
        "key": "'fact:2'",
        "owed": 0,
    }
    facts.update({"lot": 10, "lots": f"ARRAY[{NEW_LOT}]", "moved": "ARRAY[10]", **wrong})
    account = ACCOUNT.format(balance=facts["balance"], version=wrong.get("account_version", facts["version"]))
    return ";".join([account, LOT.format(amount=facts["lot"]), entry(**facts)])


def holding(**wrong: Any) -> str:
    """A second hold, of 20, by hand; right, unless told otherwise."""
    facts: dict[str, Any] = {"held": 50, "lot_held": 50, "key": "'work:2'", "amount": 20, "remaining": 20}
    facts.update({"captured": 0, "status": "'open'", "closed": "NULL", "lots": "ARRAY[%(lot)s]"})
    facts.update({"pinned": "ARRAY[20]", **wrong})
    return """
    UPDATE credits_account SET held = {held} WHERE id = %(account)s;
    UPDATE credits_lot SET held = {lot_held} WHERE id = %(lot)s;
    INSERT INTO credits_hold (id, account_id, key, amount, remaining, captured, overrun, status, lots, pinned,
                              expires_in, expires_at, reference, metadata, closed_at)
    VALUES (gen_random_uuid(), %(account)s, {key}, {amount}, {remaining}, {captured}, 'refuse', {status}, {lots},
            {pinned}, '1 hour', now() + interval '1 hour', '', '{{}}', {closed})
    """.format(**facts)


def clawback(**wrong: Any) -> str:
    """A refund's claim on the lot, by hand; right where it claims nothing, which no entry has to book."""
    facts: dict[str, Any] = {"amount": 0, "policy": "'cap'", "taken": 0, "pending": 0, "owed": 0, "waived": 0}
    facts.update(wrong)
    return """
    INSERT INTO credits_clawback (id, account_id, lot_id, at, position, kind, policy, amount, taken, pending, owed,
                                  waived, metadata)
    VALUES (gen_random_uuid(), %(account)s, %(lot)s, now(), 1, 'refund', {policy}, {amount}, {taken}, {pending},
            {owed}, {waived}, '{{}}')
    """.format(**facts)


RELEASE = """
UPDATE credits_account SET held = {held} WHERE id = %(account)s;
UPDATE credits_lot SET held = {lot_held} WHERE id = %(lot)s;
UPDATE credits_hold SET remaining = {remaining}, pinned = {pinned}, status = 'released', closed_at = {closed}
    WHERE id = %(hold)s
"""

# The write, and the guard that refuses it.
REFUSED = {
    # Accounts
    "a balance below what is held": (
        "UPDATE credits_account SET held = 100.000001 WHERE id = %(account)s",
        "credits_account_no_overdraft",
    ),
    "a balance below zero": (
        "UPDATE credits_account SET balance = -0.000001, held = 0 WHERE id = %(account)s",
        "credits_account_no_overdraft",
    ),
    "less than nothing held": (
        "UPDATE credits_account SET held = -0.000001 WHERE id = %(account)s",
        "credits_account_no_overdraft",
    ),
    "a debt below zero": (
        "UPDATE credits_account SET debt = -0.000001 WHERE id = %(account)s",
        "credits_account_no_overdraft",
    ),
    "a version below zero": (
        "UPDATE credits_account SET version = -1 WHERE id = %(account)s",
        "credits_balance_equals_entries",
    ),
    "a balance that its entries don't have": (
        "UPDATE credits_account SET balance = balance + 1 WHERE id = %(account)s",
        "credits_balance_equals_entries",
    ),
    "a version that its entries don't have": (
        "UPDATE credits_account SET version = version + 1 WHERE id = %(account)s",
        "credits_balance_equals_entries",
    ),
    "a version of the past": (
        "UPDATE credits_account SET version = 0, balance = 0, held = 0 WHERE id = %(account)s",
        "credits_balance_equals_entries",
    ),
    "a debt from nowhere": (
        "UPDATE credits_account SET debt = 1 WHERE id = %(account)s",
        "credits_balance_equals_lots",
    ),
    "a debt beside free credits": (
        "UPDATE credits_account SET balance = 95, debt = 5, version = 2 WHERE id = %(account)s;"
        + entry(version=2, amount=-5, after=95, owed=5, lots="'{}'", moved="'{}'", key="'fact:2'"),
        "credits_owes_only_while_nothing_is_free",
    ),
    "a new account with a balance from nowhere": (
        "INSERT INTO credits_account (id, balance) VALUES (gen_random_uuid(), 5)",
        "credits_balance_equals_entries",
    ),
    "a new account with something held": (
        "INSERT INTO credits_account (id, held, debt) VALUES (gen_random_uuid(), 5, 5)",
        "credits_balance_equals_lots",
    ),
    # Lots
    "a balance that its lots don't have": (
        "UPDATE credits_lot SET remaining = remaining - 1 WHERE id = %(lot)s",
        "credits_balance_equals_lots",
    ),
    "a lot from nowhere": (LOT.format(amount=10), "credits_balance_equals_lots"),
    "an entry whose lot has less": (booking(lot=9), "credits_balance_equals_lots"),
    "a lot of nothing": (LOT.format(amount=0), "credits_lot_within_its_amount"),
    "a lot with less than nothing left": (
        "UPDATE credits_lot SET remaining = -1 WHERE id = %(other_lot)s",
        "credits_lot_within_its_amount",
    ),
    "a lot with more left than it ever had": (
        "UPDATE credits_lot SET remaining = 100.000001 WHERE id = %(lot)s",
        "credits_lot_within_its_amount",
    ),
    "a lot with more pinned than it has left": (
        "UPDATE credits_lot SET held = 50.000001 WHERE id = %(other_lot)s",
        "credits_lot_within_its_amount",
    ),
    "a lot with less than nothing pinned": (
        "UPDATE credits_lot SET held = -1 WHERE id = %(lot)s",
        "credits_lot_within_its_amount",
    ),
    "a lot put out of the order of spending though it has something left": (
        "UPDATE credits_lot SET exhausted = true WHERE id = %(lot)s",
        "credits_lot_within_its_amount",
    ),
    "an empty lot left in the order of spending": (
        "UPDATE credits_lot SET remaining = 0 WHERE id = %(other_lot)s",
        "credits_lot_within_its_amount",
    ),
    "a promotional lot that was paid for": (
        "INSERT INTO credits_lot (account_id, amount, remaining, promotional, cost_minor, currency, reference)"
        " VALUES (%(account)s, 1, 1, true, 1, '', '')",
        "credits_lot_promotional_costs_nothing",
    ),
    "a lot that was given and doesn't say by whom": (
        "INSERT INTO credits_lot (account_id, amount, remaining, promotional, currency, reference, origin_lot)"
        " VALUES (%(account)s, 1, 1, false, '', '', %(other_lot)s)",
        "credits_lot_given_knows_its_origin",
    ),
    # Entries
    "an entry that its account doesn't know of": (
        entry(
            version=2, amount=10, after=110, owed=0, lots="ARRAY[%(lot)s]", moved="ARRAY[10]", key="'fact:2'"
        ),
        "credits_balance_equals_entries",
    ),
    "an entry of no account": (
        booking().replace("VALUES (%(account)s, 2", "VALUES (gen_random_uuid(), 2"),
        "credits_balance_equals_entries",
    ),
    "two entries at one version": (
        ACCOUNT.format(balance=100, version=1)
        + ";"
        + entry(
            version=1, amount=100, after=100, owed=0, lots="ARRAY[%(lot)s]", moved="ARRAY[100]", key="'x'"
        ),
        "credits_entry_one_per_version",
    ),
    "two entries under one key": (booking(key="'fact:1'"), "credits_entry_one_per_key"),
    "an entry of nothing": (
        booking(amount=0, moved="ARRAY[0]", after=100, balance=100, lot=0)
        .replace(LOT.format(amount=0) + ";", "")
        .replace(NEW_LOT, "%(lot)s"),
        "credits_entry_has_an_amount_and_a_key",
    ),
    "an entry without a key": (booking(key="''"), "credits_entry_has_an_amount_and_a_key"),
    "an entry that leaves out a version": (booking(version=3), "credits_entry_continues_the_balance"),
    "an entry that leaves out a version which its account counts": (
        booking(account_version=3),
        "credits_balance_equals_entries",
    ),
    "an entry that doesn't go on from the balance before": (
        booking(amount=9, moved="ARRAY[9]"),
        "credits_entry_continues_the_balance",
    ),
    "an entry whose balance is not its account's": (booking(after=111), "credits_balance_equals_entries"),
    "an entry that its movements don't add up to": (
        booking(moved="ARRAY[9]"),
        "credits_entry_equals_movements",
    ),
    "an entry without movements": (booking(lots="'{}'", moved="'{}'"), "credits_entry_equals_movements"),
    "an entry with a movement of no lot": (booking(moved="ARRAY[4, 6]"), "credits_entry_equals_movements"),
    "an entry that owes what it moved": (booking(owed=1), "credits_entry_equals_movements"),
    "an entry that moves a lot twice": (
        booking(lots=f"ARRAY[{NEW_LOT}, {NEW_LOT}]", moved="ARRAY[4, 6]"),
        "credits_movement_within_one_account",
    ),
    "an entry that moves another account's lot": (
        booking(lots="ARRAY[%(other_lot)s]"),
        "credits_movement_within_one_account",
    ),
    "an entry that moves a lot that is not there": (
        booking(lots="ARRAY[0]"),
        "credits_movement_within_one_account",
    ),
    # Holds
    "something held by no hold": (
        "UPDATE credits_account SET held = 31 WHERE id = %(account)s",
        "credits_held_equals_open_holds",
    ),
    "a hold that its account doesn't know of": (holding(held=30), "credits_held_equals_open_holds"),
    "a lot pinned by no hold": (
        "UPDATE credits_lot SET held = 1 WHERE id = %(other_lot)s",
        "credits_held_equals_open_holds",
    ),
    "a lot that frees what a hold still holds": (
        "UPDATE credits_lot SET held = 0 WHERE id = %(lot)s",
        "credits_held_equals_open_holds",
    ),
    "a hold that pins less than it holds": (holding(pinned="ARRAY[19]"), "credits_hold_equals_pinned"),
    "a hold with a pin of no lot": (holding(pinned="ARRAY[10, 10]"), "credits_hold_equals_pinned"),
    "two holds under one key": (holding(key="'work:1'"), "credits_hold_one_per_key"),
    "a hold without a key": (holding(key="''"), "credits_hold_has_a_key"),
    "a hold of nothing": (
        holding(amount=0, remaining=0, pinned="ARRAY[0]", held=30, lot_held=30),
        "credits_hold_remaining_within_amount",
    ),
    "a hold that holds more than was asked": (holding(amount=19), "credits_hold_remaining_within_amount"),
    "a hold that captured less than nothing": (holding(captured=-1), "credits_hold_remaining_within_amount"),
    "a closed hold that still holds": (
        holding(status="'released'", closed="now()"),
        "credits_hold_closed_holds_nothing",
    ),
    "an open hold that was closed": (holding(closed="now()"), "credits_hold_closed_holds_nothing"),
    "a hold given to another account": (
        "UPDATE credits_hold SET account_id = %(other)s",
        "credits_held_equals_open_holds",
    ),
    "a hold released without its account": (
        RELEASE.format(held=30, lot_held=0, remaining=0, pinned="ARRAY[0]", closed="now()"),
        "credits_held_equals_open_holds",
    ),
    "a hold released without its lot": (
        RELEASE.format(held=0, lot_held=30, remaining=0, pinned="ARRAY[0]", closed="now()"),
        "credits_held_equals_open_holds",
    ),
    "a hold released without a time": (
        RELEASE.format(held=0, lot_held=0, remaining=0, pinned="ARRAY[0]", closed="NULL"),
        "credits_hold_closed_holds_nothing",
    ),
    # Clawbacks
    "a clawback that comes to less than it claims": (
        clawback(amount=10, waived=9),
        "credits_clawback_adds_up",
    ),
    "a clawback that took less than nothing": (
        clawback(amount=10, taken=-1, waived=11),
        "credits_clawback_not_negative",
    ),
    "a clawback that owes though it waives what was spent": (
        clawback(amount=10, owed=10),
        "credits_clawback_owes_by_its_policy",
    ),
}
