-- Organisations. purge_at is when a deleted organisation goes for good; 0 is
-- never.
CREATE TABLE admit_organizations (
    tenant     TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    slug       TEXT COLLATE "C" NOT NULL,
    deleted_at BIGINT NOT NULL,
    purge_at   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE UNIQUE INDEX admit_organizations_slug ON admit_organizations (tenant, slug) WHERE slug <> '';
CREATE INDEX admit_organizations_purge ON admit_organizations (purge_at) WHERE purge_at > 0;

-- Who belongs to which organisation.
CREATE TABLE admit_members (
    tenant          TEXT COLLATE "C" NOT NULL,
    organization_id TEXT COLLATE "C" NOT NULL,
    user_id         TEXT COLLATE "C" NOT NULL,
    role            TEXT COLLATE "C" NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    PRIMARY KEY (tenant, organization_id, user_id)
);

CREATE INDEX admit_members_user ON admit_members (tenant, user_id, organization_id);
CREATE INDEX admit_members_role ON admit_members (tenant, organization_id, role, user_id);
