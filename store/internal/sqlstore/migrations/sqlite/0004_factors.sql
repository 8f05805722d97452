-- Whether an account has a confirmed second factor: every sign-in asks.
ALTER TABLE admit_users ADD COLUMN mfa_enabled INTEGER NOT NULL DEFAULT 0;

-- The second factors of people, for whoever reads the database. The sealed
-- secret is left out. Times are microseconds since 1970; confirmed_at is 0 while
-- a setup waits to be confirmed.
CREATE VIEW admit_factors AS
SELECT tenant, id, json_extract(data, '$.user') AS user_id, json_extract(data, '$.type') AS type,
    json_extract(data, '$.confirmedAt') AS confirmed_at, json_extract(data, '$.codes') AS codes_left, created_at, updated_at
FROM (SELECT tenant, id, CAST(data AS TEXT) AS data, created_at, updated_at FROM admit_records WHERE kind = 'factor');
