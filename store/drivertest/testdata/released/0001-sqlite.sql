CREATE TABLE admit_migrations (
    version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL);

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

INSERT INTO admit_migrations (version, name, checksum, applied_at) VALUES (1, '0001_init', '669dfaeea6079be8103b581336815a1698a64b76e8cf52ea152aaa10f3960226', 1795766641000000);
INSERT INTO admit_users (tenant, id, email, email_key, email_verified_at, name, nickname, image, locale, role, onboarding, mute_alerts, banned_at, ban_expires_at, ban_reason, deleted_at, created_at, updated_at, version) VALUES ('', '0194f000-0000-7000-8000-000000000001', 'user1@example.com', 'user1@example.com', 1893553445678901, 'Ann ''Å'' \ "李"', 'ann', 'https://img.example/a.png', 'en', 'user', 'completed', 1, 0, 0, '', 0, 1893553445678901, 1893553445678901, 1);
INSERT INTO admit_users (tenant, id, email, email_key, email_verified_at, name, nickname, image, locale, role, onboarding, mute_alerts, banned_at, ban_expires_at, ban_reason, deleted_at, created_at, updated_at, version) VALUES ('', '0194f000-0000-7000-8000-000000000003', 'user3@example.com', 'user3@example.com', 1893553445678901, 'User 3', '', '', 'en', 'user', 'completed', 0, 0, 0, '', 1893553445678901, 1893553445678901, 1893553445678901, 2);
INSERT INTO admit_users (tenant, id, email, email_key, email_verified_at, name, nickname, image, locale, role, onboarding, mute_alerts, banned_at, ban_expires_at, ban_reason, deleted_at, created_at, updated_at, version) VALUES ('other', '0194f000-0000-7000-8000-000000000002', 'user2@example.com', 'user2@example.com', 1893553445678901, 'User 2', '', '', 'en', 'user', 'completed', 0, 1893553445678901, 1896231845678901, 'spam', 0, 1893553445678901, 1893553445678901, 1);
INSERT INTO admit_addresses (tenant, email_key, user_id, reserved_until) VALUES ('', 'user1@example.com', '0194f000-0000-7000-8000-000000000001', 0);
INSERT INTO admit_addresses (tenant, email_key, user_id, reserved_until) VALUES ('', 'user3@example.com', '0194f000-0000-7000-8000-000000000003', 1896231845678901);
INSERT INTO admit_addresses (tenant, email_key, user_id, reserved_until) VALUES ('other', 'user2@example.com', '0194f000-0000-7000-8000-000000000002', 0);
INSERT INTO admit_passwords (tenant, user_id, hash, changed_at) VALUES ('', '0194f000-0000-7000-8000-000000000001', '$argon2id$h', 1893553445678901);
INSERT INTO admit_sessions (tenant, id, user_id, generation, secret_hash, confirmed, rotated_at, auth_time, amr, organization_id, user_agent, ip_address, created_at, last_activity_at, expires_at, absolute_expires_at, ended_at, end_reason) VALUES ('', '0194f001-0000-7000-8000-000000000001', '0194f000-0000-7000-8000-000000000001', 1, X'3030303030303030303030303030303130303030303030303030303030303031', 1, 1893553445678901, 1893553445678901, 'pwd', 'organization', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', '203.0.113.7', 1893553445678901, 1893553445678901, 1896145445678901, 1909191845678901, 0, '');
INSERT INTO admit_tokens (tenant, kind, hash, user_id, email_key, code_hash, tries, max_tries, data, created_at, expires_at, used_at) VALUES ('', 'reset', X'0100ff', '0194f000-0000-7000-8000-000000000001', 'user1@example.com', X'636f6465', 0, 5, X'64617461', 1893553445678901, 1896231845678901, 0);
INSERT INTO admit_api_keys (tenant, id, hash, type, prefix, suffix, name, environment, scopes, owner_id, created_at, expires_at, last_used_at, revoked_at) VALUES ('', 'k1', X'6b6579', 'secret', 'sk_live', '9a8b', 'deploy', 'prod', '["read","write:all"]', '0194f000-0000-7000-8000-000000000001', 1893553445678901, 1925089445678901, 1893553445678901, 0);
INSERT INTO admit_keys (tenant, id, purpose, sequence, algorithm, sealed, created_at, active_at, expires_at) VALUES ('', 's1', 'access', 7, 'ES256', X'7365616c6564', 1893553445678901, 1893553445678901, 1925089445678901);
INSERT INTO admit_events (tenant, id, kind, actor_id, subject_id, ip_address, user_agent, request_id, data, at, delivered) VALUES ('', 'e1', 'user.created', '0194f000-0000-7000-8000-000000000001', '0194f000-0000-7000-8000-000000000001', '203.0.113.7', 'Agent', 'r', X'7b2261223a317d', 1893553445678901, 0);
INSERT INTO admit_events (tenant, id, kind, actor_id, subject_id, ip_address, user_agent, request_id, data, at, delivered) VALUES ('', 'e2', 'user.deleted', '', '', '', '', '', NULL, 1893553445678901, 1);
INSERT INTO admit_counters (tenant, key, hits, most, reset_at) VALUES ('', 'signin', 1, 2, 1893557045678901);
INSERT INTO admit_outbox (tenant, id, kind, sealed, tries, created_at, next_at, lease_until, holder, last_error, dead_at) VALUES ('', 'm1', 'signup_confirmation', X'73', 0, 1893553445678901, 1893557045678901, 0, '', '', 0);
INSERT INTO admit_outbox (tenant, id, kind, sealed, tries, created_at, next_at, lease_until, holder, last_error, dead_at) VALUES ('', 'm2', 'password_reset', X'00ff', 3, 1893553445678901, 1893553445678901, 1893553445678901, 'w', '', 0);
INSERT INTO admit_outbox (tenant, id, kind, sealed, tries, created_at, next_at, lease_until, holder, last_error, dead_at) VALUES ('', 'm3', 'magic_link', X'73', 0, 1893553445678901, 1893553445678901, 0, '', '550', 1893553445678901);
INSERT INTO admit_leases (tenant, name, holder, until) VALUES ('', 'sweep', 'w', 1896231845678901);
