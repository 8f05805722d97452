-- Which answers of a generation were used: two that were both used, one of them
-- given after the grace, tell that a refresh token is in two hands.
ALTER TABLE admit_sessions ADD COLUMN answers BIGINT NOT NULL DEFAULT 0;
ALTER TABLE admit_sessions ADD COLUMN used BIGINT NOT NULL DEFAULT -1;
ALTER TABLE admit_sessions ADD COLUMN used_before BIGINT NOT NULL DEFAULT -1;
