-- What a model costs at a moment: the newest row of each unit, and of each markup that could apply. A function keeps its
-- plan, and planning took most of the time of the plain statement.
CREATE FUNCTION rates_card(p_provider text, p_model text, p_at timestamptz)
RETURNS TABLE (kind text, id bigint, provider text, unit text, value numeric, per integer, effective_from timestamptz)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    -- The database's own clock, so that every process of the site changes prices at the same instant.
    v_at timestamptz := coalesce(p_at, statement_timestamp());
BEGIN
    RETURN QUERY
        SELECT DISTINCT ON (r.provider, r.unit)
               'rate', r.id, r.provider::text, r.unit::text, r.price, r.per, r.effective_from
        FROM rates_rate r
        WHERE r.model = p_model AND r.effective_from <= v_at AND (p_provider = '' OR r.provider = p_provider)
        ORDER BY r.provider, r.unit, r.effective_from DESC;
    RETURN QUERY
        SELECT DISTINCT ON (m.provider, m.model)
               CASE WHEN m.model <> '' THEN 'model' WHEN m.provider <> '' THEN 'provider' ELSE 'global' END,
               m.id, m.provider::text, '', m.percent, 1, m.effective_from
        FROM rates_markup m
        WHERE m.model IN ('', p_model) AND m.effective_from <= v_at
        ORDER BY m.provider, m.model, m.effective_from DESC;
END $$;
