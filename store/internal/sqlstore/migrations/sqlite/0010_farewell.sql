-- Accounts that are deleted and not purged yet, and what a purge removes or
-- changes: tokens that were used, sessions that have ended, the addresses that are
-- reserved for it, and the events that it caused about others.
CREATE INDEX admit_users_deleted ON admit_users (tenant, id) WHERE deleted_at > 0;
CREATE INDEX admit_tokens_spent ON admit_tokens (tenant, user_id) WHERE used_at > 0 AND user_id <> '';
CREATE INDEX admit_sessions_ended ON admit_sessions (tenant, user_id) WHERE ended_at > 0;
CREATE INDEX admit_addresses_kept ON admit_addresses (tenant, user_id) WHERE reserved_until > 0;
CREATE INDEX admit_events_actor ON admit_events (tenant, actor_id) WHERE actor_id <> '' AND actor_id <> subject_id;
