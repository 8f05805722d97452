-- Times are microseconds since 1970 in UTC; 0 is never. Rows are found by
-- tenant and id, so they are kept in that order and need no second index.

CREATE TABLE admit_users (
    tenant            TEXT    NOT NULL,
    id                TEXT    NOT NULL,
    email             TEXT    NOT NULL,
    email_key         TEXT    NOT NULL,
    email_verified_at INTEGER NOT NULL,
    name              TEXT    NOT NULL,
    nickname          TEXT    NOT NULL,
    image             TEXT    NOT NULL,
    locale            TEXT    NOT NULL,
    role              TEXT    NOT NULL,
    onboarding        TEXT    NOT NULL,
    mute_alerts       INTEGER NOT NULL,
    banned_at         INTEGER NOT NULL,
    ban_expires_at    INTEGER NOT NULL,
    ban_reason        TEXT    NOT NULL,
    deleted_at        INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    version           INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- The one claim on an e-mail key: reserved_until is 0 while it is somebody's
-- current address. admit_users.email_key only shows it.
CREATE TABLE admit_addresses (
    tenant         TEXT    NOT NULL,
    email_key      TEXT    NOT NULL,
    user_id        TEXT    NOT NULL,
    reserved_until INTEGER NOT NULL,
    PRIMARY KEY (tenant, email_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX admit_addresses_reserved ON admit_addresses (reserved_until) WHERE reserved_until > 0;

CREATE TABLE admit_passwords (
    tenant     TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    hash       TEXT    NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE admit_sessions (
    tenant              TEXT    NOT NULL,
    id                  TEXT    NOT NULL,
    user_id             TEXT    NOT NULL,
    generation          INTEGER NOT NULL,
    secret_hash         BLOB    NOT NULL,
    confirmed           INTEGER NOT NULL,
    rotated_at          INTEGER NOT NULL,
    auth_time           INTEGER NOT NULL,
    amr                 TEXT    NOT NULL,
    organization_id     TEXT    NOT NULL,
    user_agent          TEXT    NOT NULL,
    ip_address          TEXT    NOT NULL,
    created_at          INTEGER NOT NULL,
    last_activity_at    INTEGER NOT NULL,
    expires_at          INTEGER NOT NULL,
    absolute_expires_at INTEGER NOT NULL,
    ended_at            INTEGER NOT NULL,
    end_reason          TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX admit_sessions_user ON admit_sessions (tenant, user_id, id) WHERE ended_at = 0;
CREATE INDEX admit_sessions_created ON admit_sessions (tenant, created_at) WHERE ended_at = 0;
CREATE INDEX admit_sessions_expiry ON admit_sessions (absolute_expires_at);

CREATE TABLE admit_tokens (
    tenant     TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    hash       BLOB    NOT NULL,
    user_id    TEXT    NOT NULL,
    email_key  TEXT    NOT NULL,
    code_hash  BLOB,
    tries      INTEGER NOT NULL,
    max_tries  INTEGER NOT NULL,
    data       BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    PRIMARY KEY (tenant, kind, hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX admit_tokens_user ON admit_tokens (tenant, user_id) WHERE used_at = 0 AND user_id <> '';
CREATE INDEX admit_tokens_email ON admit_tokens (tenant, email_key) WHERE used_at = 0 AND email_key <> '';
CREATE INDEX admit_tokens_created ON admit_tokens (tenant, created_at) WHERE used_at = 0;
CREATE INDEX admit_tokens_expiry ON admit_tokens (expires_at);

CREATE TABLE admit_api_keys (
    tenant       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    hash         BLOB    NOT NULL,
    type         TEXT    NOT NULL,
    prefix       TEXT    NOT NULL,
    suffix       TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    environment  TEXT    NOT NULL,
    scopes       TEXT,
    owner_id     TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    revoked_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX admit_api_keys_hash ON admit_api_keys (tenant, hash);
CREATE INDEX admit_api_keys_owner ON admit_api_keys (tenant, owner_id) WHERE revoked_at = 0 AND owner_id <> '';

CREATE TABLE admit_keys (
    tenant     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    purpose    TEXT    NOT NULL,
    sequence   INTEGER NOT NULL,
    algorithm  TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    active_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX admit_keys_sequence ON admit_keys (tenant, purpose, sequence);
CREATE INDEX admit_keys_expiry ON admit_keys (expires_at);

CREATE TABLE admit_events (
    tenant     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    actor_id   TEXT    NOT NULL,
    subject_id TEXT    NOT NULL,
    ip_address TEXT    NOT NULL,
    user_agent TEXT    NOT NULL,
    request_id TEXT    NOT NULL,
    data       BLOB,
    at         INTEGER NOT NULL,
    delivered  INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX admit_events_subject ON admit_events (tenant, subject_id, id) WHERE subject_id <> '';
CREATE INDEX admit_events_kind ON admit_events (tenant, kind, id);
CREATE INDEX admit_events_pending ON admit_events (tenant, id) WHERE delivered = 0;

CREATE TABLE admit_counters (
    tenant   TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    hits     INTEGER NOT NULL,
    most     INTEGER NOT NULL,
    reset_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX admit_counters_reset ON admit_counters (reset_at);

CREATE TABLE admit_outbox (
    tenant      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    sealed      BLOB    NOT NULL,
    tries       INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    next_at     INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    holder      TEXT    NOT NULL,
    last_error  TEXT    NOT NULL,
    dead_at     INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE INDEX admit_outbox_next ON admit_outbox (tenant, next_at) WHERE dead_at = 0;
CREATE INDEX admit_outbox_leased ON admit_outbox (tenant, lease_until) WHERE dead_at = 0 AND lease_until > 0;
CREATE INDEX admit_outbox_dead ON admit_outbox (tenant, id) WHERE dead_at > 0;

CREATE TABLE admit_leases (
    tenant     TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    holder     TEXT    NOT NULL,
    until      INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
