-- The lists of accounts that administrators page through.
CREATE INDEX admit_users_name ON admit_users (tenant, lower(name), id);
CREATE INDEX admit_users_email ON admit_users (tenant, lower(email_key), id);
CREATE INDEX admit_users_role ON admit_users (tenant, role, id);

-- Parts of names and addresses are found by trigrams, where the database has
-- them: pg_trgm is an extension that not every role may create. Without it a
-- search reads all accounts. Whoever creates the extension later creates the
-- index below, too.
DO $$
DECLARE
    home TEXT;
BEGIN
    BEGIN
        CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
    EXCEPTION WHEN OTHERS THEN
        RAISE NOTICE 'pg_trgm is not there, so a search reads all accounts: %', SQLERRM;
    END;
    SELECT n.nspname INTO home FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
    IF home IS NOT NULL THEN
        EXECUTE format('CREATE INDEX admit_users_text ON admit_users USING gin (lower(email_key || chr(10) || name) %I.gin_trgm_ops)', home);
    END IF;
END
$$;
