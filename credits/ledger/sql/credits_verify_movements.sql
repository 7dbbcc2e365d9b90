-- A new entry is what it moves less what it owes; and whoever isn't the ledger moves lots of its account, each once.
-- The ledger's own functions name lots that they have just read under this account. Two IFs, because an expression
-- with a query in it is started like a statement, whichever half of it decides.
CREATE OR REPLACE FUNCTION credits_verify_movements(
    p_account uuid, p_amount numeric, p_owed numeric, p_lots bigint[], p_moved numeric[]
)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    IF cardinality(p_lots) <> cardinality(p_moved) OR p_amount <> credits_moved(p_moved) - p_owed THEN
        PERFORM credits_refuse('credits_entry_equals_movements', 'credits_entry', format(
            'account %s: its entry of %s moves %s in the lots %s and owes %s',
            p_account, p_amount, p_moved, p_lots, p_owed));
    END IF;
    IF current_setting('credits.writer', true) IS DISTINCT FROM 'ledger' THEN
        IF cardinality(p_lots) <> (
            SELECT count(*) FROM credits_lot l WHERE l.account_id = p_account AND l.id = ANY (p_lots)
        ) THEN
            PERFORM credits_refuse('credits_movement_within_one_account', 'credits_entry', format(
                'account %s: its entry moves a lot twice, or one of another account', p_account));
        END IF;
    END IF;
END $$;
