CREATE TABLE admit_migrations (
    version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL);

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

INSERT INTO admit_migrations (version, name, checksum, applied_at) VALUES (1, '0001_init', '701f84d35954dc19650ccf43d82c2295179bfaa65cd4d17cf2ee1c76b9458be4', 1795766642801183);
INSERT INTO admit_users (tenant, id, email, email_key, email_verified_at, name, nickname, image, locale, role, onboarding, mute_alerts, banned_at, ban_expires_at, ban_reason, deleted_at, created_at, updated_at, version) VALUES ('', '0194f000-0000-7000-8000-000000000001', 'user1@example.com', 'user1@example.com', 1893553445678901, 'Ann ''Å'' \ "李"', 'ann', 'https://img.example/a.png', 'en', 'user', 'completed', 1, 0, 0, '', 0, 1893553445678901, 1893553445678901, 1);
INSERT INTO admit_users (tenant, id, email, email_key, email_verified_at, name, nickname, image, locale, role, onboarding, mute_alerts, banned_at, ban_expires_at, ban_reason, deleted_at, created_at, updated_at, version) VALUES ('', '0194f000-0000-7000-8000-000000000003', 'user3@example.com', 'user3@example.com', 1893553445678901, 'User 3', '', '', 'en', 'user', 'completed', 0, 0, 0, '', 1893553445678901, 1893553445678901, 1893553445678901, 2);
INSERT INTO admit_users (tenant, id, email, email_key, email_verified_at, name, nickname, image, locale, role, onboarding, mute_alerts, banned_at, ban_expires_at, ban_reason, deleted_at, created_at, updated_at, version) VALUES ('other', '0194f000-0000-7000-8000-000000000002', 'user2@example.com', 'user2@example.com', 1893553445678901, 'User 2', '', '', 'en', 'user', 'completed', 0, 1893553445678901, 1896231845678901, 'spam', 0, 1893553445678901, 1893553445678901, 1);
INSERT INTO admit_addresses (tenant, email_key, user_id, reserved_until) VALUES ('', 'user1@example.com', '0194f000-0000-7000-8000-000000000001', 0);
INSERT INTO admit_addresses (tenant, email_key, user_id, reserved_until) VALUES ('', 'user3@example.com', '0194f000-0000-7000-8000-000000000003', 1896231845678901);
INSERT INTO admit_addresses (tenant, email_key, user_id, reserved_until) VALUES ('other', 'user2@example.com', '0194f000-0000-7000-8000-000000000002', 0);
INSERT INTO admit_passwords (tenant, user_id, hash, changed_at) VALUES ('', '0194f000-0000-7000-8000-000000000001', '$argon2id$h', 1893553445678901);
INSERT INTO admit_sessions (tenant, id, user_id, generation, secret_hash, confirmed, rotated_at, auth_time, amr, organization_id, user_agent, ip_address, created_at, last_activity_at, expires_at, absolute_expires_at, ended_at, end_reason) VALUES ('', '0194f001-0000-7000-8000-000000000001', '0194f000-0000-7000-8000-000000000001', 1, '\x3030303030303030303030303030303130303030303030303030303030303031', 1, 1893553445678901, 1893553445678901, 'pwd', 'organization', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', '203.0.113.7', 1893553445678901, 1893553445678901, 1896145445678901, 1909191845678901, 0, '');
INSERT INTO admit_tokens (tenant, kind, hash, user_id, email_key, code_hash, tries, max_tries, data, created_at, expires_at, used_at) VALUES ('', 'reset', '\x0100ff', '0194f000-0000-7000-8000-000000000001', 'user1@example.com', '\x636f6465', 0, 5, '\x64617461', 1893553445678901, 1896231845678901, 0);
INSERT INTO admit_api_keys (tenant, id, hash, type, prefix, suffix, name, environment, scopes, owner_id, created_at, expires_at, last_used_at, revoked_at) VALUES ('', 'k1', '\x6b6579', 'secret', 'sk_live', '9a8b', 'deploy', 'prod', '["read","write:all"]', '0194f000-0000-7000-8000-000000000001', 1893553445678901, 1925089445678901, 1893553445678901, 0);
INSERT INTO admit_keys (tenant, id, purpose, sequence, algorithm, sealed, created_at, active_at, expires_at) VALUES ('', 's1', 'access', 7, 'ES256', '\x7365616c6564', 1893553445678901, 1893553445678901, 1925089445678901);
INSERT INTO admit_events (tenant, id, kind, actor_id, subject_id, ip_address, user_agent, request_id, data, at, delivered) VALUES ('', 'e1', 'user.created', '0194f000-0000-7000-8000-000000000001', '0194f000-0000-7000-8000-000000000001', '203.0.113.7', 'Agent', 'r', '\x7b2261223a317d', 1893553445678901, 0);
INSERT INTO admit_events (tenant, id, kind, actor_id, subject_id, ip_address, user_agent, request_id, data, at, delivered) VALUES ('', 'e2', 'user.deleted', '', '', '', '', '', NULL, 1893553445678901, 1);
INSERT INTO admit_counters (tenant, key, hits, most, reset_at) VALUES ('', 'signin', 1, 2, 1893557045678901);
INSERT INTO admit_outbox (tenant, id, kind, sealed, tries, created_at, next_at, lease_until, holder, last_error, dead_at) VALUES ('', 'm1', 'signup_confirmation', '\x73', 0, 1893553445678901, 1893557045678901, 0, '', '', 0);
INSERT INTO admit_outbox (tenant, id, kind, sealed, tries, created_at, next_at, lease_until, holder, last_error, dead_at) VALUES ('', 'm2', 'password_reset', '\x00ff', 3, 1893553445678901, 1893553445678901, 1893553445678901, 'w', '', 0);
INSERT INTO admit_outbox (tenant, id, kind, sealed, tries, created_at, next_at, lease_until, holder, last_error, dead_at) VALUES ('', 'm3', 'magic_link', '\x73', 0, 1893553445678901, 1893553445678901, 0, '', '550', 1893553445678901);
INSERT INTO admit_leases (tenant, name, holder, until) VALUES ('', 'sweep', 'w', 1896231845678901);
