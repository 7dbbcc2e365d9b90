"""Define triggers that compare a redemption with its code, its batch and its entry."""

from __future__ import annotations

from core.database.guards import UNLESS_SELF_SERVICE

# The use was taken from the code in this transaction, whose lock on it keeps the number from being taken twice.
VERIFY_REDEMPTION = """
    IF NOT EXISTS (
        SELECT FROM redemption_code c
        JOIN redemption_codebatch b ON b.id = c.batch_id
        JOIN credits_entry e ON e.id = NEW.entry_id
        WHERE c.id = NEW.code_id AND NEW.use = b.uses - c.uses_left
              AND e.account_id = NEW.account_id AND e.amount = b.credits AND e.kind = 'promotion'
              AND e.key = 'redemption:' || c.id
    ) THEN
        RAISE check_violation USING
            CONSTRAINT = 'redemption_gives_what_its_code_promises', TABLE = 'redemption_redemption',
            MESSAGE = format('code %s, use %s: not taken from it, or entry %s is another', NEW.code_id, NEW.use,
                             NEW.entry_id);
    END IF;
    RETURN NULL;
"""

REFUSE_OWN_BATCH = f"""
    IF {UNLESS_SELF_SERVICE} AND EXISTS (
        SELECT FROM redemption_code c
        JOIN redemption_codebatch b ON b.id = c.batch_id
        CROSS JOIN credits_account a
        LEFT JOIN teams_membership m ON m.team_id = a.team_id AND m.user_id = b.created_by_id
        WHERE c.id = NEW.code_id AND a.id = NEW.account_id
              AND (b.created_by_id = NEW.user_id OR b.created_by_id = a.owner_id OR m.id IS NOT NULL)
    ) THEN
        RAISE check_violation USING
            CONSTRAINT = 'redemption_not_for_its_maker', TABLE = 'redemption_redemption',
            MESSAGE = format('code %s: the account is that of who made it', NEW.code_id);
    END IF;
    RETURN NULL;
"""

# The receiver's entry is the other side of one that left the escrow nothing.
VERIFY_ESCROW = """
    IF NOT EXISTS (
        SELECT FROM credits_entry e
        JOIN credits_entry s ON s.account_id = NEW.escrow_id AND s.key = 'escrow-code:' || NEW.id
        WHERE e.id = NEW.entry_id AND e.account_id = NEW.account_id AND e.kind = 'gift_received'
              AND s.kind = 'gift_sent' AND s.amount = -e.amount AND s.balance_after = 0
    ) THEN
        RAISE check_violation USING
            CONSTRAINT = 'redemption_escrow_code_moves_all', TABLE = 'redemption_escrowcode',
            MESSAGE = format('gift code %s: entry %s did not bring all that was in escrow', NEW.id, NEW.entry_id);
    END IF;
    RETURN NULL;
"""
