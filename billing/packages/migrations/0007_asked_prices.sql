-- Add what is asked for a package now, in each currency, where that differs from its last row. Its lock makes writers
-- take turns, and the clock is read after it, so that the rows are in order.
CREATE FUNCTION packages_note_asked(p_code text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM packages_package WHERE code = p_code FOR NO KEY UPDATE;
    INSERT INTO packages_askedprice (package_code, currency, price_minor, since)
    SELECT p_code, currency, asked.price_minor, clock_timestamp()
    FROM (
        SELECT currency, price_minor FROM packages_package WHERE code = p_code AND is_active
        UNION ALL
        SELECT price.currency, price.price_minor
        FROM packages_packageprice price JOIN packages_package package ON package.id = price.package_id
        WHERE package.code = p_code AND package.is_active AND price.currency <> package.currency
    ) asked
    FULL JOIN (
        SELECT DISTINCT ON (currency) currency, price_minor FROM packages_askedprice
        WHERE package_code = p_code ORDER BY currency, id DESC
    ) last USING (currency)
    WHERE asked.price_minor IS DISTINCT FROM last.price_minor;
END;
$$;

CREATE FUNCTION packages_package_asked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'DELETE' THEN
        PERFORM packages_note_asked(NEW.code);
    END IF;
    IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND OLD.code <> NEW.code) THEN
        PERFORM packages_note_asked(OLD.code);
    END IF;
    RETURN NULL;
END;
$$;

CREATE FUNCTION packages_price_asked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM packages_note_asked(code) FROM packages_package
    WHERE id IN (CASE WHEN TG_OP <> 'INSERT' THEN OLD.package_id END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.package_id END);
    RETURN NULL;
END;
$$;

-- At the end of the transaction: what nobody else could see was never asked.
CREATE CONSTRAINT TRIGGER notes_asked_prices
AFTER INSERT OR DELETE OR UPDATE OF code, price_minor, currency, is_active ON packages_package
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION packages_package_asked();

CREATE CONSTRAINT TRIGGER notes_asked_prices
AFTER INSERT OR DELETE OR UPDATE OF package_id, price_minor, currency ON packages_packageprice
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION packages_price_asked();

-- Today's prices, since they were last changed as far as the audit knows, else since now.
INSERT INTO packages_askedprice (package_code, currency, price_minor, since)
SELECT package.code, package.currency, package.price_minor, coalesce(
    (SELECT max(at) FROM audit_auditentry
     WHERE kind = 'packages.package' AND object_id = package.id::text
     AND after ?| ARRAY['code', 'price_minor', 'currency', 'is_active']), now())
FROM packages_package package WHERE is_active;

INSERT INTO packages_askedprice (package_code, currency, price_minor, since)
SELECT package.code, price.currency, price.price_minor, coalesce(
    (SELECT max(at) FROM audit_auditentry
     WHERE kind = 'packages.packageprice' AND object_id = price.id::text
     OR kind = 'packages.package' AND object_id = package.id::text AND after ?| ARRAY['code', 'is_active']), now())
FROM packages_packageprice price JOIN packages_package package ON package.id = price.package_id
WHERE package.is_active AND price.currency <> package.currency;
