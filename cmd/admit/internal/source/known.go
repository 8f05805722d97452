package source

// The columns that each system has in what it exports, so that one that is
// misspelled is found. Most of them mean nothing here.
const (
	knownPlain = `email name passwordHash password_hash emailVerified email_verified role locale banned createdAt created_at id`

	knownSupabase = `instance_id id aud role email encrypted_password email_confirmed_at invited_at confirmation_token
		confirmation_sent_at recovery_token recovery_sent_at email_change_token_new email_change email_change_sent_at last_sign_in_at
		raw_app_meta_data raw_user_meta_data is_super_admin created_at updated_at phone phone_confirmed_at phone_change
		phone_change_token phone_change_sent_at confirmed_at email_change_token_current email_change_confirm_status banned_until
		reauthentication_token reauthentication_sent_at is_sso_user deleted_at is_anonymous`

	knownBetterAuth = `id name email emailVerified email_verified image createdAt created_at updatedAt updated_at password role banned
		banReason ban_reason banExpires ban_expires twoFactorEnabled two_factor_enabled username displayUsername display_username
		phoneNumber phone_number phoneNumberVerified phone_number_verified isAnonymous is_anonymous accountId account_id
		providerId provider_id userId user_id`

	knownDjango = `pk id model password last_login is_superuser username first_name last_name email is_staff is_active date_joined
		verified email_verified`

	knownAuth0 = `_id user_id id email email_verified name given_name family_name nickname username picture created_at updated_at
		last_login last_ip logins_count last_password_reset password_set_date blocked passwordHash password_hash
		custom_password_hash phone_number phone_verified connection tenant locale identities user_metadata app_metadata`

	knownClerk = `id external_id first_name last_name username primary_email_address primary_phone_number verified_email_addresses
		unverified_email_addresses verified_phone_numbers unverified_phone_numbers totp_secret password_digest password_hasher
		created_at updated_at banned locked mfa_enabled totp_enabled backup_code_enabled two_factor_enabled has_image image_url
		last_sign_in_at last_active_at public_metadata private_metadata unsafe_metadata delete_self_enabled
		create_organization_enabled`

	knownKeycloak = `id username email email_constraint email_verified emailVerified enabled federation_link first_name firstName last_name
		lastName realm_id created_timestamp createdTimestamp service_account_client_link not_before credential_data
		credentialData secret_data secretData credentials type user_label userLabel priority salt user_id created_date
		createdDate version attributes totp requiredActions realmRoles clientRoles groups`
)
