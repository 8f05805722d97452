package source

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/passhash"
)

// plain is our own format: the names that an account has here, in camelCase or
// with underscores.
func plain(r *reading) Account {
	a := r.common(r.hash("passwordHash", "password_hash"), "createdAt", "created_at")
	a.EmailVerified = r.verified("emailVerified", "email_verified")
	a.Role, a.Locale, a.Banned = r.text("role"), r.locale("locale"), r.truth("banned")
	return a
}

// supabase reads rows of auth.users; GoTrue has the same.
func supabase(r *reading) Account {
	a := r.common(r.hash("encrypted_password"), "created_at")
	a.EmailVerified = r.fact("email_confirmed_at", "confirmed_at")
	profile := r.object("raw_user_meta_data")
	a.Name = profile.text("full_name", "name", "display_name")
	_, banned := r.until("banned_until")
	a.Banned = r.fact("deleted_at") || banned
	return a
}

// firebase reads users of firebase auth:export.
func firebase(r *reading) Account {
	hash := r.hash("passwordHash")
	if hash != "" && !r.options.NoPasswords {
		hash = r.converted(passhash.FromFirebase(r.options.Firebase, r.text("salt"), hash))
	}
	a := r.common(hash, "createdAt")
	a.OldID, a.Name = r.text("localId"), r.text("displayName")
	a.EmailVerified, a.Banned = r.verified("emailVerified"), r.truth("disabled")
	return a
}

// betterAuth reads rows of user, joined with the credential row of account.
func betterAuth(r *reading) Account {
	a := r.common(r.hash("password"), "createdAt", "created_at")
	a.EmailVerified = r.verified("emailVerified", "email_verified")
	a.Role = r.text("role")
	until, toCome := r.until("banExpires", "ban_expires")
	a.Banned = r.truth("banned") && (until.IsZero() || toCome)
	return a
}

// django reads rows of auth_user, or the records of dumpdata, which keep the
// columns in an object. A password that starts with ! can never match.
func django(r *reading) Account {
	id := r.text("pk", "id")
	if columns := r.object("fields"); columns != nil {
		r.fields = columns
	}
	hash := r.hash("password")
	if strings.HasPrefix(hash, "!") {
		hash = ""
	}
	a := r.common(hash, "date_joined")
	a.OldID = id
	if a.Name = r.fullName("first_name", "last_name"); a.Name == "" {
		a.Name = r.text("username")
	}
	a.EmailVerified = r.verified("email_verified", "verified")
	if r.truth("is_superuser") {
		a.Role = admit.RoleAdmin
	}
	a.Banned = !r.truth("is_active") && r.text("is_active") != ""
	return a
}

// auth0 reads user exports, and the file of password hashes that support sends.
func auth0(r *reading) Account {
	hash := r.hash("passwordHash", "password_hash")
	if hash == "" && r.given("custom_password_hash") {
		inner := r.object("custom_password_hash").object("hash")
		if hash = inner.text("value"); hash == "" {
			r.password(fmt.Errorf("%w: custom_password_hash %w", passhash.ErrUnrecognised, errShape))
		}
	}
	a := r.common(hash, "created_at")
	if a.OldID = r.text("user_id", "id"); a.OldID == "" {
		a.OldID = r.object("_id").text("$oid")
	}
	if a.Name == "" || a.Name == a.Email {
		if a.Name = r.fullName("given_name", "family_name"); a.Name == "" {
			a.Name = r.text("nickname")
		}
	}
	a.EmailVerified, a.Banned, a.Locale = r.verified("email_verified"), r.truth("blocked"), r.locale("locale")
	return a
}

// clerk reads the export of the dashboard.
func clerk(r *reading) Account {
	hash := r.hash("password_digest")
	if hash != "" && !r.options.NoPasswords {
		hash = r.converted(fromClerk(r.text("password_hasher"), hash))
	}
	a := r.common(hash, "created_at")
	a.Email = r.text("primary_email_address")
	if a.Name = r.fullName("first_name", "last_name"); a.Name == "" {
		a.Name = r.text("username")
	}
	proven := strings.FieldsFunc(r.text("verified_email_addresses"), func(c rune) bool { return strings.ContainsRune("|,; ", c) })
	a.EmailVerified = slices.ContainsFunc(proven, func(address string) bool { return strings.EqualFold(address, a.Email) })
	a.Banned = r.truth("banned") || r.truth("locked")
	return a
}

// fromClerk turns a digest into a string that can be verified. Clerk keeps some
// in spellings of its own: they look like Django's, but the salt is base64, or
// the hash is hexadecimal.
func fromClerk(hasher, digest string) (string, error) {
	parts := strings.Split(digest, "$")
	switch hasher {
	case "pbkdf2_sha256", "pbkdf2_sha512":
		if len(parts) == 4 {
			return "$" + strings.Replace(digest, "_", "-", 1), nil
		}
	case "pbkdf2_sha1":
		if len(parts) == 4 {
			if raw, err := hex.DecodeString(parts[3]); err == nil {
				parts[3] = base64.StdEncoding.EncodeToString(raw)
				return strings.Join(parts, "$"), nil
			}
		}
	case "scrypt_firebase":
		if len(parts) == 6 {
			rounds, failed := strconv.Atoi(parts[4])
			memory, alsoFailed := strconv.Atoi(parts[5])
			if failed == nil && alsoFailed == nil {
				project := passhash.FirebaseProject{SignerKey: parts[2], SaltSeparator: parts[3], Rounds: rounds, MemoryCost: memory}
				return passhash.FromFirebase(project, parts[1], parts[0])
			}
		}
	default: // bcrypt, argon2i, argon2id and Django's are written as everywhere
		return digest, nil
	}
	return "", fmt.Errorf("%w: damaged %s digest", passhash.ErrUnrecognised, hasher)
}

// keycloak reads users of a realm export, or rows of user_entity joined with
// credential.
func keycloak(r *reading) Account {
	hash := ""
	if !r.options.NoPasswords {
		hash = r.converted(keycloakHash(r))
	}
	a := r.common(hash, "createdTimestamp", "created_timestamp")
	if a.Name = r.fullName("firstName", "lastName"); a.Name == "" {
		if a.Name = r.fullName("first_name", "last_name"); a.Name == "" {
			a.Name = r.text("username")
		}
	}
	a.EmailVerified = r.verified("emailVerified", "email_verified")
	a.Banned = !r.truth("enabled") && r.text("enabled") != ""
	return a
}

// keycloakHash finds the password among the credentials of a user. Since version
// 8 Keycloak keeps two JSON texts, before that the parts by themselves.
func keycloakHash(r *reading) (string, error) {
	credentials, err := r.list("credentials")
	if err != nil {
		return "", fmt.Errorf("%w: %w", passhash.ErrUnrecognised, err)
	}
	if kind := r.text("type"); kind == "" || kind == "password" { // a row joined with its credential
		credentials = append(credentials, r.fields)
	}
	for _, c := range credentials {
		credential, secret := c.document("credentialData", "credential_data"), c.document("secretData", "secret_data")
		switch kind := c.text("type"); {
		case kind != "" && kind != "password":
		case credential != "":
			return passhash.FromKeycloak(credential, secret)
		case c.text("hashedSaltedValue") != "":
			return oldKeycloak(c)
		case c.text("value") != "":
			return "", fmt.Errorf("%w: it stands in clear text", passhash.ErrUnrecognised)
		case kind == "password" && c.text("email") == "":
			return "", fmt.Errorf("%w: the credential %w", passhash.ErrUnrecognised, errShape)
		}
	}
	return "", nil
}

// document reads JSON text, or an object, as JSON text.
func (f fields) document(names ...string) string {
	for _, name := range names {
		if object, ok := f[name].(map[string]any); ok {
			if text, err := json.Marshal(object, json.Deterministic(true)); err == nil {
				return string(text)
			}
		}
	}
	return f.text(names...)
}

// oldKeycloak puts the credential of a Keycloak before version 8 together. One
// that names no algorithm is of a time when there was one.
func oldKeycloak(c fields) (string, error) {
	algorithm := c.text("algorithm")
	if algorithm == "" {
		algorithm = "pbkdf2"
	}
	iterations, err := strconv.Atoi(c.text("hashIterations"))
	if err != nil {
		return "", fmt.Errorf("%w: the credential %w", passhash.ErrUnrecognised, errShape)
	}
	credential, err := json.Marshal(map[string]any{"algorithm": algorithm, "hashIterations": iterations})
	if err != nil {
		return "", err
	}
	secret, err := json.Marshal(map[string]string{"value": c.text("hashedSaltedValue"), "salt": c.text("salt")})
	if err != nil {
		return "", err
	}
	return passhash.FromKeycloak(string(credential), string(secret))
}
