-- What was said with the statement, by pghistory's context: '' for what wasn't.
CREATE FUNCTION audit_context(p_name text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT left(coalesce(nullif(current_setting('pghistory.context_metadata', true), '')::jsonb ->> p_name, ''),
                CASE p_name WHEN 'url' THEN 300 WHEN 'cause' THEN 60 ELSE 64 END)
$$;

CREATE FUNCTION audit_context_id(p_name text) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT nullif(audit_context(p_name), '')::uuid
$$;

-- Which program holds the connection: the site's own say so (core/program.py), psql does by itself.
CREATE FUNCTION audit_program() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT left(current_setting('application_name'), 64)
$$;

-- As whom it signed in: SET ROLE doesn't change it.
CREATE FUNCTION audit_role() RETURNS text LANGUAGE sql STABLE AS $$ SELECT session_user::text $$;

-- Whether somebody is at it, and not the site at its daily work: staff, a command, a script, psql.
CREATE FUNCTION audit_is_by_hand() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT audit_context('user') <> '' OR current_setting('application_name') NOT IN ('web', 'worker')
$$;

-- These columns of a row; of the hidden ones only whether they are empty.
CREATE FUNCTION audit_picked(p_row jsonb, p_columns text[], p_hidden text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_object_agg(
        c, CASE WHEN c = ANY (p_hidden) AND p_row -> c NOT IN ('null', '""') THEN '"•••"' ELSE p_row -> c END
    )
    FROM unnest(p_columns) c
$$;

CREATE FUNCTION audit_write(
    p_kind text, p_id text, p_name text, p_before jsonb, p_after jsonb, p_beside jsonb
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_auditentry (act, kind, object_id, object_name, before, after, beside)
    VALUES (
        CASE WHEN p_before IS NULL THEN 'created' WHEN p_after IS NULL THEN 'deleted' ELSE 'changed' END,
        p_kind, p_id, left(coalesce(p_name, ''), 255), p_before, p_after, coalesce(p_beside, '{}')
    );
END;
$$;

-- A row was made, changed or deleted. Arguments: the kind; the columns of its key and of its name; those to record;
-- of these the hidden ones; those to keep beside.
CREATE FUNCTION audit_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_old jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    v_new jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    v_row jsonb := coalesce(v_new, v_old);
    v_columns text[] := TG_ARGV[3];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(c) INTO v_columns
        FROM unnest(v_columns) c WHERE v_old -> c IS DISTINCT FROM v_new -> c;
        IF v_columns IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    PERFORM audit_write(
        TG_ARGV[0], v_row ->> TG_ARGV[1], v_row ->> TG_ARGV[2],
        CASE WHEN v_old IS NOT NULL THEN audit_picked(v_old, v_columns, TG_ARGV[4]::text[]) END,
        CASE WHEN v_new IS NOT NULL THEN audit_picked(v_new, v_columns, TG_ARGV[4]::text[]) END,
        audit_picked(v_row, TG_ARGV[5]::text[], '{}')
    );
    RETURN NULL;
END;
$$;

-- Something was given to an object or taken from it, such as a group to a user. Arguments: the object's kind; its
-- column; what it is that it has; the other one's column, table, and the column of its name; and where people know the
-- object by a name, its table and column.
CREATE FUNCTION audit_link() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_row jsonb := CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
    v_other text := v_row ->> TG_ARGV[3];
    v_name text;
    v_own text;
    v_with jsonb;
    v_without jsonb := jsonb_build_object(TG_ARGV[2], NULL);
BEGIN
    EXECUTE format('SELECT %I::text FROM %I WHERE id::text = $1', TG_ARGV[5], TG_ARGV[4]) INTO v_name USING v_other;
    IF TG_NARGS > 6 THEN
        EXECUTE format('SELECT %I::text FROM %I WHERE id::text = $1', TG_ARGV[7], TG_ARGV[6])
        INTO v_own USING v_row ->> TG_ARGV[1];
    END IF;
    v_with := jsonb_build_object(TG_ARGV[2], coalesce(v_name, '#' || v_other));
    IF TG_OP = 'INSERT' THEN
        PERFORM audit_write(TG_ARGV[0], v_row ->> TG_ARGV[1], v_own, v_without, v_with, NULL);
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM audit_write(TG_ARGV[0], v_row ->> TG_ARGV[1], v_own, v_with, v_without, NULL);
    ELSE
        PERFORM audit_write(
            TG_ARGV[0], v_row ->> TG_ARGV[1], v_own,
            jsonb_build_object(TG_ARGV[2], '#' || (to_jsonb(OLD) ->> TG_ARGV[3])), v_with,
            jsonb_build_object('was_of', to_jsonb(OLD) ->> TG_ARGV[1])
        );
    END IF;
    RETURN NULL;
END;
$$;
