-- What people say of themselves, for SQL readers. Each view has a row for an account
-- that has changed something; user_id is the id of the account. '' is what is not
-- given. The name, the nickname, the picture, the language, the status of the
-- introduction and whether security notices are muted are columns of admit_users.
-- Settings are 0 or 1. Times are microseconds since 1970.
CREATE VIEW admit_profiles AS
SELECT tenant, id AS user_id,
    coalesce(data ->> 'mobile', '') AS mobile,
    coalesce(data ->> 'gender', '') AS gender,
    coalesce(data ->> 'bio', '') AS bio,
    coalesce(data ->> 'github', '') AS github,
    coalesce(data ->> 'twitter', '') AS twitter,
    coalesce(data ->> 'linkedin', '') AS linkedin,
    created_at, updated_at
FROM (SELECT tenant, id, CAST(convert_from(data, 'UTF8') AS JSON) AS data, created_at, updated_at FROM admit_records WHERE kind = 'profile') r;

CREATE VIEW admit_preferences AS
SELECT tenant, id AS user_id,
    coalesce(data ->> 'timezone', '') AS timezone,
    coalesce(data ->> 'theme', '') AS theme,
    created_at, updated_at
FROM (SELECT tenant, id, CAST(convert_from(data, 'UTF8') AS JSON) AS data, created_at, updated_at FROM admit_records WHERE kind = 'preferences') r;

CREATE VIEW admit_notifications AS
SELECT tenant, id AS user_id,
    CASE WHEN data ->> 'noService' = 'true' THEN 0 ELSE 1 END AS service,
    CASE WHEN data ->> 'marketing' = 'true' THEN 1 ELSE 0 END AS marketing,
    CASE WHEN data ->> 'noPush' = 'true' THEN 0 ELSE 1 END AS push,
    CASE WHEN data ->> 'noEmail' = 'true' THEN 0 ELSE 1 END AS email,
    CASE WHEN data ->> 'sms' = 'true' THEN 1 ELSE 0 END AS sms,
    CASE WHEN data ->> 'nightTime' = 'true' THEN 1 ELSE 0 END AS night_time,
    created_at, updated_at
FROM (SELECT tenant, id, CAST(convert_from(data, 'UTF8') AS JSON) AS data, created_at, updated_at FROM admit_records WHERE kind = 'notifications') r;

CREATE VIEW admit_onboarding AS
SELECT tenant, id AS user_id,
    coalesce(data ->> 'step', '') AS step,
    coalesce(data ->> 'data', '') AS data,
    created_at, updated_at
FROM (SELECT tenant, id, CAST(convert_from(data, 'UTF8') AS JSON) AS data, created_at, updated_at FROM admit_records WHERE kind = 'onboarding') r;

CREATE VIEW admit_public_settings AS
SELECT tenant, id AS user_id,
    coalesce(data ->> 'slug', '') AS slug,
    CASE WHEN data ->> 'public' = 'true' THEN 1 ELSE 0 END AS is_public,
    created_at, updated_at
FROM (SELECT tenant, id, CAST(convert_from(data, 'UTF8') AS JSON) AS data, created_at, updated_at FROM admit_records WHERE kind = 'public-settings') r;
