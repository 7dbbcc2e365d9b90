"""The ledger with its safety taken away, to see that the audit would have noticed."""

from __future__ import annotations

from tests.credits.chaos.server import Server

# As one writes it who thinks that nobody else is there: read, wait, write what was computed.
SPEND_WITHOUT_LOCK = """
CREATE FUNCTION credits_spend(
    p_account uuid, p_amount numeric, p_kind text, p_key text, p_reference text, p_metadata jsonb,
    OUT outcome text, OUT entry_id bigint, OUT version bigint, OUT balance_after numeric, OUT held numeric,
    OUT missing numeric
) LANGUAGE plpgsql AS $$
DECLARE
    v_account credits_account;
    v_lot credits_lot;
BEGIN
    SELECT * INTO v_account FROM credits_account a WHERE a.id = p_account;
    SELECT * INTO v_lot FROM credits_lot l WHERE l.account_id = p_account ORDER BY l.id LIMIT 1;
    outcome := 'done';
    version := v_account.version + 1;
    balance_after := v_account.balance - p_amount;
    held := v_account.held;
    missing := 0;
    IF balance_after < 0 THEN
        outcome := 'insufficient';
        missing := -balance_after;
        RETURN;
    END IF;
    PERFORM pg_sleep(0.002);
    UPDATE credits_account a SET balance = balance_after, version = credits_spend.version WHERE a.id = p_account;
    UPDATE credits_lot l SET remaining = balance_after, exhausted = (balance_after = 0) WHERE l.id = v_lot.id;
    INSERT INTO credits_entry (account_id, version, kind, amount, balance_after, lots, moved, key, reference, metadata,
                               created_at, hash)
        VALUES (p_account, version, p_kind, -p_amount, balance_after, ARRAY[v_lot.id], ARRAY[-p_amount], p_key,
                p_reference, p_metadata, now(), '')
        RETURNING id INTO entry_id;
END $$
"""
TABLES = ("credits_account", "credits_lot", "credits_entry", "credits_hold", "credits_clawback")
LOOK_UP = "e.key = p_key"


def take_the_lock_away(server: Server, database: str) -> None:
    """A spend that reads, waits and writes; and no guard that would refuse the result."""
    server.execute(
        database,
        "DROP FUNCTION credits_spend(uuid, numeric, text, text, text, jsonb)",
        SPEND_WITHOUT_LOCK,
        "ALTER TABLE credits_entry DROP CONSTRAINT credits_entry_one_per_version",
        *(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in TABLES),
    )


def take_the_keys_away(server: Server, database: str) -> None:
    """No unique key, and nobody looks whether it is booked already. The locks stay."""
    statements = ["ALTER TABLE credits_entry DROP CONSTRAINT credits_entry_one_per_key"]
    for function in ("credits_spend", "credits_grant"):
        source = server.value(database, f"SELECT pg_get_functiondef('{function}'::regproc)")
        assert LOOK_UP in source
        statements.append(source.replace(LOOK_UP, "false"))
    server.execute(database, *statements)
