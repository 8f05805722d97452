-- Whether an account has a confirmed second factor: every sign-in asks.
ALTER TABLE admit_users ADD COLUMN mfa_enabled BIGINT NOT NULL DEFAULT 0;

-- The second factors of people, for whoever reads the database. The sealed
-- secret is left out. Times are microseconds since 1970; confirmed_at is 0 while
-- a setup waits to be confirmed.
CREATE VIEW admit_factors AS
SELECT tenant, id, data ->> 'user' AS user_id, data ->> 'type' AS type, CAST(data ->> 'confirmedAt' AS BIGINT) AS confirmed_at,
    CAST(data ->> 'codes' AS BIGINT) AS codes_left, created_at, updated_at
FROM (SELECT tenant, id, CAST(convert_from(data, 'UTF8') AS JSON) AS data, created_at, updated_at FROM admit_records WHERE kind = 'factor') f;
