-- The chain of the audit log: the place of an event, its seal and the salts of what
-- a purge removes. The events of an actor are listed in the order of their ids.
ALTER TABLE admit_events ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE admit_events ADD COLUMN seal TEXT NOT NULL DEFAULT '';
ALTER TABLE admit_events ADD COLUMN client_salt TEXT NOT NULL DEFAULT '';
ALTER TABLE admit_events ADD COLUMN data_salt TEXT NOT NULL DEFAULT '';
CREATE INDEX admit_events_unchained ON admit_events (tenant, id) WHERE seq = 0;
CREATE UNIQUE INDEX admit_events_chained ON admit_events (tenant, seq) WHERE seq > 0;
DROP INDEX admit_events_actor;
CREATE INDEX admit_events_actor ON admit_events (tenant, actor_id, id) WHERE actor_id <> '' AND actor_id <> subject_id;
