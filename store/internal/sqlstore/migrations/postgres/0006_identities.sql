-- The people at providers who sign in to accounts, for SQL readers. The sealed
-- tokens are left out. Times are microseconds since 1970.
CREATE VIEW admit_identities AS
SELECT tenant, id, data ->> 'user' AS user_id, data ->> 'provider' AS provider, data ->> 'issuer' AS issuer, data ->> 'subject' AS subject,
    coalesce(data ->> 'email', '') AS email, created_at, updated_at
FROM (SELECT tenant, id, CAST(convert_from(data, 'UTF8') AS JSON) AS data, created_at, updated_at FROM admit_records WHERE kind = 'identity') i;

-- The passkeys of people, for SQL readers. The credential id, the public key and
-- the user handle are left out. backed_up and user_verified are 0 or 1.
-- last_used_at is 0 for a passkey that was never used. The record keeps it as text
-- (RFC 3339).
CREATE VIEW admit_passkeys AS
SELECT tenant, id, data ->> 'user' AS user_id, data ->> 'name' AS name,
    CASE WHEN data ->> 'backedUp' = 'true' THEN 1 ELSE 0 END AS backed_up, CASE WHEN data ->> 'userVerified' = 'true' THEN 1 ELSE 0 END AS user_verified,
    coalesce(CAST(extract(epoch FROM CAST(data ->> 'lastUsedAt' AS TIMESTAMP WITH TIME ZONE)) * 1000000 AS BIGINT), 0) AS last_used_at,
    created_at, updated_at
FROM (SELECT tenant, id, CAST(convert_from(data, 'UTF8') AS JSON) AS data, created_at, updated_at FROM admit_records WHERE kind = 'passkey') p;
