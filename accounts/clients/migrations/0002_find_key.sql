-- An API key and its client, by the key's prefix; no row where there is no such key.
--
-- Two look-ups by unique index whose plans the session keeps, instead of a join that is planned with each request:
-- see docs/decisions/api-keys.md for the figures. "use_is_old": the last use was recorded a minute ago, or never.
CREATE FUNCTION clients_find_key(p_prefix text) RETURNS TABLE (
    client_id uuid, client_name varchar, client_scopes varchar[], requests_per_minute integer, is_active boolean,
    client_use_is_old boolean,
    key_id bigint, secret_hash varchar, key_scopes varchar[], is_revoked boolean, is_expired boolean,
    key_use_is_old boolean
)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_now constant timestamptz := statement_timestamp();
    v_minute_ago constant timestamptz := v_now - interval '1 minute';
    v_key clients_apikey;
    v_client clients_apiclient;
BEGIN
    SELECT * INTO v_key FROM clients_apikey k WHERE k.prefix = p_prefix;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT * INTO v_client FROM clients_apiclient c WHERE c.id = v_key.client_id;

    client_id := v_client.id;
    client_name := v_client.name;
    client_scopes := v_client.scopes;
    requests_per_minute := v_client.requests_per_minute;
    is_active := v_client.is_active;
    client_use_is_old := coalesce(v_client.last_used_at < v_minute_ago, true);
    key_id := v_key.id;
    secret_hash := v_key.secret_hash;
    key_scopes := v_key.scopes;
    is_revoked := v_key.revoked_at IS NOT NULL;
    is_expired := coalesce(v_key.expires_at <= v_now, false);
    key_use_is_old := coalesce(v_key.last_used_at < v_minute_ago, true);
    RETURN NEXT;
END
$$;
