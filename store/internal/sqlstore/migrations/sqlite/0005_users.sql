-- The lists of accounts that administrators page through.
CREATE INDEX admit_users_name ON admit_users (tenant, lower(name), id);
CREATE INDEX admit_users_email ON admit_users (tenant, lower(email_key), id);
CREATE INDEX admit_users_role ON admit_users (tenant, role, id);
