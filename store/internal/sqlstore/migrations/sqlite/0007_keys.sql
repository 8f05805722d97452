-- An API key belongs to the application ('') or to an account ('user'). The keys of
-- an owner are found by the index, revoked keys too: a key may be revoked from a
-- later time on.
ALTER TABLE admit_api_keys ADD COLUMN owner_kind TEXT NOT NULL DEFAULT '';

DROP INDEX admit_api_keys_owner;
CREATE INDEX admit_api_keys_owner ON admit_api_keys (tenant, owner_id, owner_kind, id) WHERE owner_id <> '';
