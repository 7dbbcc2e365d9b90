-- Whether a use counts follows from its purchase's status (DiscountUse.FREED).
CREATE FUNCTION discounts_use_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE discounts_discountcode SET used = used + 1
    FROM purchases_purchase purchase
    WHERE discounts_discountcode.id = NEW.discount_code_id AND purchase.id = NEW.purchase_id
        AND purchase.status NOT IN ('expired', 'failed', 'refunded');
    RETURN NULL;
END;
$$;

CREATE FUNCTION discounts_use_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE discounts_discountcode
    SET used = used + CASE WHEN NEW.status IN ('expired', 'failed', 'refunded') THEN -1 ELSE 1 END
    FROM discounts_discountuse
    WHERE discounts_discountuse.purchase_id = NEW.id
        AND discounts_discountcode.id = discounts_discountuse.discount_code_id;
    RETURN NULL;
END;
$$;

CREATE TRIGGER counts_uses AFTER INSERT ON discounts_discountuse
FOR EACH ROW EXECUTE FUNCTION discounts_use_added();

CREATE TRIGGER counts_uses AFTER UPDATE OF status ON purchases_purchase FOR EACH ROW
WHEN ((OLD.status IN ('expired', 'failed', 'refunded')) <> (NEW.status IN ('expired', 'failed', 'refunded')))
EXECUTE FUNCTION discounts_use_changed();

UPDATE discounts_discountcode SET used = (
    SELECT count(*) FROM discounts_discountuse
    JOIN purchases_purchase purchase ON purchase.id = purchase_id
    WHERE discount_code_id = discounts_discountcode.id AND purchase.status NOT IN ('expired', 'failed', 'refunded')
);
