-- What a capture moves: what was picked of lots for its surplus, and what pinned lots pay, each lot once.
CREATE OR REPLACE FUNCTION credits_captured(
    p_picked bigint[], p_taken numeric[], p_pinned bigint[], p_paid numeric[], OUT lots bigint[], OUT moved numeric[]
)
RETURNS record
LANGUAGE plpgsql
IMMUTABLE
AS $$
DECLARE
    v_place int;
BEGIN
    lots := p_picked;
    moved := credits_negated(p_taken);
    FOR i IN 1 .. cardinality(p_pinned) LOOP
        v_place := array_position(lots, p_pinned[i]);
        IF v_place IS NOT NULL THEN
            moved[v_place] := moved[v_place] - p_paid[i];
        ELSIF p_paid[i] > 0 THEN
            lots := lots || p_pinned[i];
            moved := moved || -p_paid[i];
        END IF;
    END LOOP;
END $$;
