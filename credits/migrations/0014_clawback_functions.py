from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "clawbacks_sql"
NEW = "".join((SQL / f"{name}.sql").read_text() for name in ("debt", "clawbacks", "incoming", "holds", "ending"))
BEFORE = (SQL / "before.sql").read_text()

# Of before: what clawbacks took the place of.
DROP_OLD = """
DROP FUNCTION credits_reverse(uuid, bigint, numeric, text, text, text, text, jsonb);
DROP FUNCTION credits_restore(uuid, bigint, numeric, numeric, text, text, text, jsonb);
"""
DROP_NEW = """
DROP FUNCTION credits_close(uuid);
DROP FUNCTION credits_forfeit(uuid, timestamptz);
DROP FUNCTION credits_give_back(uuid, credits_entry, text, text, jsonb, timestamptz);
DROP FUNCTION credits_pick_from(uuid, bigint, numeric, timestamptz);
DROP FUNCTION credits_undo(uuid, bigint, numeric, text, text, jsonb);
DROP FUNCTION credits_undo_amount(uuid, bigint);
DROP FUNCTION credits_release(uuid, boolean);
DROP FUNCTION credits_capture(uuid, numeric, text, boolean, text, jsonb);
DROP FUNCTION credits_open_hold(uuid, numeric, text, interval, text, text, jsonb, uuid);
DROP FUNCTION credits_receive(uuid, credits_entry, jsonb, timestamptz);
DROP FUNCTION credits_take(uuid, text, bigint[], numeric[], text, text, jsonb, timestamptz);
DROP FUNCTION credits_pick_given(uuid, numeric, timestamptz, interval);
DROP FUNCTION credits_transfer_refused(uuid, uuid);
DROP FUNCTION credits_transfer(uuid, uuid, numeric, text, text, jsonb, interval);
DROP FUNCTION credits_grant(uuid, numeric, text, text, text, jsonb, boolean, bigint, text, timestamptz);
DROP FUNCTION credits_verify_clawback(uuid);
DROP FUNCTION credits_claim_freed(uuid, bigint[], timestamptz);
DROP FUNCTION credits_claw_back(uuid, bigint, uuid[], timestamptz[], text[], text[], numeric[], jsonb[], text, jsonb);
DROP FUNCTION credits_book_clawback(uuid, bigint, numeric, numeric, numeric, timestamptz, text, jsonb, timestamptz);
DROP FUNCTION credits_settle_clawbacks(uuid, bigint, text, jsonb, timestamptz);
DROP FUNCTION credits_clawback_shares(uuid, bigint, numeric, numeric, numeric, boolean);
DROP FUNCTION credits_overlap(numeric, numeric, numeric, numeric);
DROP FUNCTION credits_lot_flows(uuid, bigint);
DROP FUNCTION credits_extend_lot(uuid, bigint, timestamptz, timestamptz);
DROP FUNCTION credits_add_to_lots(uuid, bigint[], numeric[]);
DROP FUNCTION credits_negated(numeric[]);
DROP FUNCTION credits_offsets(uuid);
DROP FUNCTION credits_brings_in(text);
DROP FUNCTION credits_undo_offset(uuid, numeric, timestamptz);
DROP FUNCTION credits_book_offset(uuid, bigint[], numeric[], timestamptz);
DROP FUNCTION credits_verify_debt(uuid);
DROP FUNCTION credits_offset_debt(uuid, timestamptz);
"""


class Migration(migrations.Migration):
    """The functions that `credits.ledger` calls for clawbacks, and those that had to learn of them."""

    dependencies = [("credits", "0013_clawbacks")]
    operations = [migrations.RunSQL(DROP_OLD + NEW, DROP_NEW + BEFORE)]
