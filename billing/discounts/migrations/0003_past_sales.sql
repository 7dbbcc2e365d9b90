-- Add what a sale says now, if it differs from its last row; a deleted one is off.
CREATE FUNCTION discounts_note_sale(p_sale bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM discounts_sale WHERE id = p_sale FOR NO KEY UPDATE;
    WITH last AS (
        SELECT percent, starts_at, ends_at, is_active, packages FROM discounts_saleversion
        WHERE sale_id = p_sale ORDER BY id DESC LIMIT 1
    ), told AS (
        SELECT percent, starts_at, ends_at, is_active, ARRAY(
            SELECT package.code FROM discounts_sale_packages link JOIN packages_package package ON package.id = package_id
            WHERE link.sale_id = p_sale ORDER BY package.code
        )::varchar[] AS packages
        FROM discounts_sale WHERE id = p_sale
        UNION ALL
        SELECT percent, starts_at, ends_at, false, packages FROM last
        WHERE NOT EXISTS (SELECT FROM discounts_sale WHERE id = p_sale)
    )
    INSERT INTO discounts_saleversion (sale_id, percent, starts_at, ends_at, is_active, packages, since)
    SELECT p_sale, told.*, clock_timestamp() FROM told
    WHERE NOT EXISTS (SELECT FROM last WHERE (last.*) IS NOT DISTINCT FROM (told.*));
END;
$$;

CREATE FUNCTION discounts_sale_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM discounts_note_sale(CASE WHEN TG_OP = 'DELETE' THEN OLD.id ELSE NEW.id END);
    RETURN NULL;
END;
$$;

CREATE FUNCTION discounts_sale_packages_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM discounts_note_sale(CASE WHEN TG_OP = 'DELETE' THEN OLD.sale_id ELSE NEW.sale_id END);
    RETURN NULL;
END;
$$;

CREATE CONSTRAINT TRIGGER notes_versions
AFTER INSERT OR DELETE OR UPDATE OF percent, starts_at, ends_at, is_active ON discounts_sale
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION discounts_sale_changed();

CREATE CONSTRAINT TRIGGER notes_versions AFTER INSERT OR DELETE ON discounts_sale_packages
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION discounts_sale_packages_changed();

INSERT INTO discounts_saleversion (sale_id, percent, starts_at, ends_at, is_active, packages, since)
SELECT id, percent, starts_at, ends_at, is_active, ARRAY(
    SELECT package.code FROM discounts_sale_packages link JOIN packages_package package ON package.id = package_id
    WHERE link.sale_id = sale.id ORDER BY package.code
), created_at
FROM discounts_sale sale;
