-- What the trigger on entries does: see credits/models/entries.py. Nobody but the ledger's own functions may bring a
-- seal along: the entries of a batch, which the trigger on their account checks together, and a spend from one lot.
CREATE OR REPLACE FUNCTION credits_seal_entry()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.hash = '' OR coalesce(current_setting('credits.writer', true), '') NOT IN ('ledger', 'batch') THEN
        NEW.hash := credits_seal(NEW.account_id, NEW.version, NEW.kind, NEW.amount, NEW.balance_after, NEW.owed,
                                 NEW.lots, NEW.moved, NEW.created_at, NEW.key);
    END IF;
    RETURN NEW;
END $$;
