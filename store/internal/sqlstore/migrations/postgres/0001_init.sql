-- Times are microseconds since 1970 in UTC; 0 is never. Text sorts by its
-- bytes. Rows that change often leave room on their page, so that a change that
-- touches no index stays on it.

CREATE TABLE admit_users (
    tenant            TEXT COLLATE "C" NOT NULL,
    id                TEXT COLLATE "C" NOT NULL,
    email             TEXT COLLATE "C" NOT NULL,
    email_key         TEXT COLLATE "C" NOT NULL,
    email_verified_at BIGINT NOT NULL,
    name              TEXT COLLATE "C" NOT NULL,
    nickname          TEXT COLLATE "C" NOT NULL,
    image             TEXT COLLATE "C" NOT NULL,
    locale            TEXT COLLATE "C" NOT NULL,
    role              TEXT COLLATE "C" NOT NULL,
    onboarding        TEXT COLLATE "C" NOT NULL,
    mute_alerts       BIGINT NOT NULL,
    banned_at         BIGINT NOT NULL,
    ban_expires_at    BIGINT NOT NULL,
    ban_reason        TEXT COLLATE "C" NOT NULL,
    deleted_at        BIGINT NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    version           BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
) WITH (fillfactor = 80);

-- The one claim on an e-mail key: reserved_until is 0 while it is somebody's
-- current address. admit_users.email_key only shows it.
CREATE TABLE admit_addresses (
    tenant         TEXT COLLATE "C" NOT NULL,
    email_key      TEXT COLLATE "C" NOT NULL,
    user_id        TEXT COLLATE "C" NOT NULL,
    reserved_until BIGINT NOT NULL,
    PRIMARY KEY (tenant, email_key)
);

CREATE INDEX admit_addresses_reserved ON admit_addresses (reserved_until) WHERE reserved_until > 0;

CREATE TABLE admit_passwords (
    tenant     TEXT COLLATE "C" NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    hash       TEXT COLLATE "C" NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, user_id)
);

CREATE TABLE admit_sessions (
    tenant              TEXT COLLATE "C" NOT NULL,
    id                  TEXT COLLATE "C" NOT NULL,
    user_id             TEXT COLLATE "C" NOT NULL,
    generation          BIGINT NOT NULL,
    secret_hash         BYTEA    NOT NULL,
    confirmed           BIGINT NOT NULL,
    rotated_at          BIGINT NOT NULL,
    auth_time           BIGINT NOT NULL,
    amr                 TEXT COLLATE "C" NOT NULL,
    organization_id     TEXT COLLATE "C" NOT NULL,
    user_agent          TEXT COLLATE "C" NOT NULL,
    ip_address          TEXT COLLATE "C" NOT NULL,
    created_at          BIGINT NOT NULL,
    last_activity_at    BIGINT NOT NULL,
    expires_at          BIGINT NOT NULL,
    absolute_expires_at BIGINT NOT NULL,
    ended_at            BIGINT NOT NULL,
    end_reason          TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id)
) WITH (fillfactor = 80);

CREATE INDEX admit_sessions_user ON admit_sessions (tenant, user_id, id) WHERE ended_at = 0;
CREATE INDEX admit_sessions_created ON admit_sessions (tenant, created_at) WHERE ended_at = 0;
CREATE INDEX admit_sessions_expiry ON admit_sessions (absolute_expires_at);

CREATE TABLE admit_tokens (
    tenant     TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    hash       BYTEA    NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    email_key  TEXT COLLATE "C" NOT NULL,
    code_hash  BYTEA,
    tries      BIGINT NOT NULL,
    max_tries  BIGINT NOT NULL,
    data       BYTEA,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant, kind, hash)
);

CREATE INDEX admit_tokens_user ON admit_tokens (tenant, user_id) WHERE used_at = 0 AND user_id <> '';
CREATE INDEX admit_tokens_email ON admit_tokens (tenant, email_key) WHERE used_at = 0 AND email_key <> '';
CREATE INDEX admit_tokens_created ON admit_tokens (tenant, created_at) WHERE used_at = 0;
CREATE INDEX admit_tokens_expiry ON admit_tokens (expires_at);

CREATE TABLE admit_api_keys (
    tenant       TEXT COLLATE "C" NOT NULL,
    id           TEXT COLLATE "C" NOT NULL,
    hash         BYTEA    NOT NULL,
    type         TEXT COLLATE "C" NOT NULL,
    prefix       TEXT COLLATE "C" NOT NULL,
    suffix       TEXT COLLATE "C" NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    environment  TEXT COLLATE "C" NOT NULL,
    scopes       TEXT,
    owner_id     TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    revoked_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE UNIQUE INDEX admit_api_keys_hash ON admit_api_keys (tenant, hash);
CREATE INDEX admit_api_keys_owner ON admit_api_keys (tenant, owner_id) WHERE revoked_at = 0 AND owner_id <> '';

CREATE TABLE admit_keys (
    tenant     TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    purpose    TEXT COLLATE "C" NOT NULL,
    sequence   BIGINT NOT NULL,
    algorithm  TEXT COLLATE "C" NOT NULL,
    sealed     BYTEA    NOT NULL,
    created_at BIGINT NOT NULL,
    active_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE UNIQUE INDEX admit_keys_sequence ON admit_keys (tenant, purpose, sequence);
CREATE INDEX admit_keys_expiry ON admit_keys (expires_at);

CREATE TABLE admit_events (
    tenant     TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    actor_id   TEXT COLLATE "C" NOT NULL,
    subject_id TEXT COLLATE "C" NOT NULL,
    ip_address TEXT COLLATE "C" NOT NULL,
    user_agent TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    data       BYTEA,
    at         BIGINT NOT NULL,
    delivered  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE INDEX admit_events_subject ON admit_events (tenant, subject_id, id) WHERE subject_id <> '';
CREATE INDEX admit_events_kind ON admit_events (tenant, kind, id);
CREATE INDEX admit_events_pending ON admit_events (tenant, id) WHERE delivered = 0;

CREATE TABLE admit_counters (
    tenant   TEXT COLLATE "C" NOT NULL,
    key      TEXT COLLATE "C" NOT NULL,
    hits     BIGINT NOT NULL,
    most     BIGINT NOT NULL,
    reset_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, key)
) WITH (fillfactor = 80);

CREATE INDEX admit_counters_reset ON admit_counters (reset_at);

CREATE TABLE admit_outbox (
    tenant      TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,
    sealed      BYTEA    NOT NULL,
    tries       BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    next_at     BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    holder      TEXT COLLATE "C" NOT NULL,
    last_error  TEXT COLLATE "C" NOT NULL,
    dead_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
) WITH (fillfactor = 80);

CREATE INDEX admit_outbox_next ON admit_outbox (tenant, next_at) WHERE dead_at = 0;
CREATE INDEX admit_outbox_leased ON admit_outbox (tenant, lease_until) WHERE dead_at = 0 AND lease_until > 0;
CREATE INDEX admit_outbox_dead ON admit_outbox (tenant, id) WHERE dead_at > 0;

CREATE TABLE admit_leases (
    tenant     TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    holder     TEXT COLLATE "C" NOT NULL,
    until      BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);
