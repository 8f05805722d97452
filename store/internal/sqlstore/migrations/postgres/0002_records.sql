-- Things of features that need no columns of their own. keys and refs are JSON
-- arrays in order; the two tables below are the indexes over them.

CREATE TABLE admit_records (
    tenant     TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    keys       TEXT COLLATE "C" NOT NULL,
    refs       TEXT COLLATE "C" NOT NULL,
    data       BYTEA NOT NULL,
    version    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, kind, id)
) WITH (fillfactor = 80);

CREATE INDEX admit_records_expiry ON admit_records (expires_at) WHERE expires_at > 0;

-- The one claim on a record's key. A record takes its keys and refs along when
-- it goes, those too that were added while its removal waited.
CREATE TABLE admit_record_keys (
    tenant TEXT COLLATE "C" NOT NULL,
    kind   TEXT COLLATE "C" NOT NULL,
    key    TEXT COLLATE "C" NOT NULL,
    id     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (key, kind, tenant),
    FOREIGN KEY (tenant, kind, id) REFERENCES admit_records ON DELETE CASCADE
);

-- It begins with the id, so that no planner takes it, or the key, for the other.
CREATE INDEX admit_record_keys_record ON admit_record_keys (id, kind, tenant);

CREATE TABLE admit_record_refs (
    tenant TEXT COLLATE "C" NOT NULL,
    ref    TEXT COLLATE "C" NOT NULL,
    kind   TEXT COLLATE "C" NOT NULL,
    id     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, ref, kind, id),
    FOREIGN KEY (tenant, kind, id) REFERENCES admit_records ON DELETE CASCADE
);

CREATE INDEX admit_record_refs_record ON admit_record_refs (id, kind, tenant);

-- What was in the outbox before it had queues is mail.
ALTER TABLE admit_outbox ADD COLUMN queue TEXT COLLATE "C" NOT NULL DEFAULT 'mail';

DROP INDEX admit_outbox_next;
DROP INDEX admit_outbox_leased;
DROP INDEX admit_outbox_dead;

CREATE INDEX admit_outbox_next ON admit_outbox (tenant, queue, next_at) WHERE dead_at = 0;
CREATE INDEX admit_outbox_leased ON admit_outbox (tenant, queue, lease_until) WHERE dead_at = 0 AND lease_until > 0;
CREATE INDEX admit_outbox_waiting ON admit_outbox (tenant, queue, id) WHERE dead_at = 0;
CREATE INDEX admit_outbox_dead ON admit_outbox (tenant, queue, id) WHERE dead_at > 0;
