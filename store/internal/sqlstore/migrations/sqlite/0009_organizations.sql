-- Organisations. purge_at is when a deleted organisation goes for good; 0 is
-- never.
CREATE TABLE admit_organizations (
    tenant     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    slug       TEXT    NOT NULL,
    deleted_at INTEGER NOT NULL,
    purge_at   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX admit_organizations_slug ON admit_organizations (tenant, slug) WHERE slug <> '';
CREATE INDEX admit_organizations_purge ON admit_organizations (purge_at) WHERE purge_at > 0;

-- Who belongs to which organisation.
CREATE TABLE admit_members (
    tenant          TEXT    NOT NULL,
    organization_id TEXT    NOT NULL,
    user_id         TEXT    NOT NULL,
    role            TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    PRIMARY KEY (tenant, organization_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX admit_members_user ON admit_members (tenant, user_id, organization_id);
CREATE INDEX admit_members_role ON admit_members (tenant, organization_id, role, user_id);
