-- The people at providers who sign in to accounts, for SQL readers. The sealed
-- tokens are left out. Times are microseconds since 1970.
CREATE VIEW admit_identities AS
SELECT tenant, id, json_extract(data, '$.user') AS user_id, json_extract(data, '$.provider') AS provider,
    json_extract(data, '$.issuer') AS issuer, json_extract(data, '$.subject') AS subject,
    coalesce(json_extract(data, '$.email'), '') AS email, created_at, updated_at
FROM (SELECT tenant, id, CAST(data AS TEXT) AS data, created_at, updated_at FROM admit_records WHERE kind = 'identity');

-- The passkeys of people, for SQL readers. The credential id, the public key and
-- the user handle are left out. backed_up and user_verified are 0 or 1.
-- last_used_at is 0 for a passkey that was never used. The record keeps it as text
-- (RFC 3339, UTC): a date and a time of 19 characters, and up to 6 digits after a
-- point.
CREATE VIEW admit_passkeys AS
SELECT tenant, id, json_extract(data, '$.user') AS user_id, json_extract(data, '$.name') AS name,
    coalesce(json_extract(data, '$.backedUp'), 0) AS backed_up, coalesce(json_extract(data, '$.userVerified'), 0) AS user_verified,
    coalesce(CAST(strftime('%s', substr(json_extract(data, '$.lastUsedAt'), 1, 19)) AS INTEGER) * 1000000
        + CAST(substr(rtrim(substr(json_extract(data, '$.lastUsedAt'), 21), 'Z') || '000000', 1, 6) AS INTEGER), 0) AS last_used_at,
    created_at, updated_at
FROM (SELECT tenant, id, CAST(data AS TEXT) AS data, created_at, updated_at FROM admit_records WHERE kind = 'passkey');
