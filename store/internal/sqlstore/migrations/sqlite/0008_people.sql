-- What people say of themselves, for SQL readers. Each view has a row for an account
-- that has changed something; user_id is the id of the account. '' is what is not
-- given. The name, the nickname, the picture, the language, the status of the
-- introduction and whether security notices are muted are columns of admit_users.
-- Settings are 0 or 1. Times are microseconds since 1970.
CREATE VIEW admit_profiles AS
SELECT tenant, id AS user_id,
    coalesce(json_extract(data, '$.mobile'), '') AS mobile,
    coalesce(json_extract(data, '$.gender'), '') AS gender,
    coalesce(json_extract(data, '$.bio'), '') AS bio,
    coalesce(json_extract(data, '$.github'), '') AS github,
    coalesce(json_extract(data, '$.twitter'), '') AS twitter,
    coalesce(json_extract(data, '$.linkedin'), '') AS linkedin,
    created_at, updated_at
FROM (SELECT tenant, id, CAST(data AS TEXT) AS data, created_at, updated_at FROM admit_records WHERE kind = 'profile');

CREATE VIEW admit_preferences AS
SELECT tenant, id AS user_id,
    coalesce(json_extract(data, '$.timezone'), '') AS timezone,
    coalesce(json_extract(data, '$.theme'), '') AS theme,
    created_at, updated_at
FROM (SELECT tenant, id, CAST(data AS TEXT) AS data, created_at, updated_at FROM admit_records WHERE kind = 'preferences');

CREATE VIEW admit_notifications AS
SELECT tenant, id AS user_id,
    1 - coalesce(json_extract(data, '$.noService'), 0) AS service,
    coalesce(json_extract(data, '$.marketing'), 0) AS marketing,
    1 - coalesce(json_extract(data, '$.noPush'), 0) AS push,
    1 - coalesce(json_extract(data, '$.noEmail'), 0) AS email,
    coalesce(json_extract(data, '$.sms'), 0) AS sms,
    coalesce(json_extract(data, '$.nightTime'), 0) AS night_time,
    created_at, updated_at
FROM (SELECT tenant, id, CAST(data AS TEXT) AS data, created_at, updated_at FROM admit_records WHERE kind = 'notifications');

CREATE VIEW admit_onboarding AS
SELECT tenant, id AS user_id,
    coalesce(json_extract(data, '$.step'), '') AS step,
    coalesce(json_extract(data, '$.data'), '') AS data,
    created_at, updated_at
FROM (SELECT tenant, id, CAST(data AS TEXT) AS data, created_at, updated_at FROM admit_records WHERE kind = 'onboarding');

CREATE VIEW admit_public_settings AS
SELECT tenant, id AS user_id,
    coalesce(json_extract(data, '$.slug'), '') AS slug,
    coalesce(json_extract(data, '$.public'), 0) AS is_public,
    created_at, updated_at
FROM (SELECT tenant, id, CAST(data AS TEXT) AS data, created_at, updated_at FROM admit_records WHERE kind = 'public-settings');
