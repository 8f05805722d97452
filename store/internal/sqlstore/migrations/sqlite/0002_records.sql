-- Things of features that need no columns of their own. keys and refs are JSON
-- arrays in order; the two tables below are the indexes over them.

CREATE TABLE admit_records (
    tenant     TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    keys       TEXT    NOT NULL,
    refs       TEXT    NOT NULL,
    data       BLOB    NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, kind, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX admit_records_expiry ON admit_records (expires_at) WHERE expires_at > 0;

-- The one claim on a record's key.
CREATE TABLE admit_record_keys (
    tenant TEXT NOT NULL,
    kind   TEXT NOT NULL,
    key    TEXT NOT NULL,
    id     TEXT NOT NULL,
    PRIMARY KEY (key, kind, tenant)
) STRICT, WITHOUT ROWID;

-- It begins with the id, so that no planner takes it, or the key, for the other.
CREATE INDEX admit_record_keys_record ON admit_record_keys (id, kind, tenant);

CREATE TABLE admit_record_refs (
    tenant TEXT NOT NULL,
    ref    TEXT NOT NULL,
    kind   TEXT NOT NULL,
    id     TEXT NOT NULL,
    PRIMARY KEY (tenant, ref, kind, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX admit_record_refs_record ON admit_record_refs (id, kind, tenant);

-- What was in the outbox before it had queues is mail.
ALTER TABLE admit_outbox ADD COLUMN queue TEXT NOT NULL DEFAULT 'mail';

DROP INDEX admit_outbox_next;
DROP INDEX admit_outbox_leased;
DROP INDEX admit_outbox_dead;

CREATE INDEX admit_outbox_next ON admit_outbox (tenant, queue, next_at) WHERE dead_at = 0;
CREATE INDEX admit_outbox_leased ON admit_outbox (tenant, queue, lease_until) WHERE dead_at = 0 AND lease_until > 0;
CREATE INDEX admit_outbox_waiting ON admit_outbox (tenant, queue, id) WHERE dead_at = 0;
CREATE INDEX admit_outbox_dead ON admit_outbox (tenant, queue, id) WHERE dead_at > 0;
