package source

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/passhash"
)

// reading collects the errors of a record's fields.
type reading struct {
	fields
	err error
}

func (r *reading) truth(names ...string) bool {
	value, err := r.fields.truth(names...)
	r.err = errors.Join(r.err, err)
	return value
}

func (r *reading) common(hash string, created ...string) Account {
	at, err := r.time(created...)
	r.err = errors.Join(r.err, err)
	return Account{
		OldID: r.text("id"),
		ImportUserParams: admit.ImportUserParams{
			Email: r.text("email"), Name: r.text("name"), PasswordHash: hash, CreatedAt: at,
		},
	}
}

// fullName puts a first and a last name together.
func (r *reading) fullName(first, last string) string {
	return strings.TrimSpace(r.text(first) + " " + r.text(last))
}

// converted takes a hash that had to be put together. One that cannot be is left
// out where the operator said so.
func (o Options) converted(hash string, err error) (string, error) {
	if errors.Is(err, passhash.ErrUnrecognised) && o.UnknownHashes {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("the password: %w", err)
	}
	return hash, nil
}

// plain is our own format: the names that an account has here, in camelCase or
// with underscores.
func plain(f fields, _ Options) (Account, error) {
	r := &reading{fields: f}
	a := r.common(r.text("passwordHash", "password_hash"), "createdAt", "created_at")
	a.EmailVerified = r.truth("emailVerified", "email_verified")
	a.Role, a.Banned = r.text("role"), r.truth("banned")
	return a, r.err
}

// supabase reads rows of auth.users; GoTrue has the same.
func supabase(f fields, o Options) (Account, error) {
	r := &reading{fields: f}
	a := r.common(r.text("encrypted_password"), "created_at")
	a.EmailVerified = r.text("email_confirmed_at", "confirmed_at") != ""
	profile := r.object("raw_user_meta_data")
	a.Name = profile.text("full_name", "name", "display_name")
	until, err := r.time("banned_until")
	a.Banned = until.After(o.Now) || r.text("deleted_at") != ""
	return a, errors.Join(r.err, err)
}

// firebaseColumns are those of firebase auth:export --format=csv.
var firebaseColumns = []string{
	0: "localId", 1: "email", 2: "emailVerified", 3: "passwordHash", 4: "salt", 5: "displayName", 23: "createdAt", 26: "disabled", 28: "",
}

// firebase reads users of firebase auth:export.
func firebase(f fields, o Options) (Account, error) {
	r := &reading{fields: f}
	hash, err := r.text("passwordHash"), error(nil)
	if hash != "" && !o.NoPasswords {
		hash, err = o.converted(passhash.FromFirebase(o.Firebase, r.text("salt"), hash))
	}
	a := r.common(hash, "createdAt")
	a.OldID, a.Name = r.text("localId"), r.text("displayName")
	a.EmailVerified, a.Banned = r.truth("emailVerified"), r.truth("disabled")
	return a, errors.Join(r.err, err)
}

// betterAuth reads rows of user, joined with the credential row of account.
func betterAuth(f fields, o Options) (Account, error) {
	r := &reading{fields: f}
	a := r.common(r.text("password"), "createdAt", "created_at")
	a.EmailVerified = r.truth("emailVerified", "email_verified")
	until, err := r.time("banExpires", "ban_expires")
	a.Role = r.text("role")
	a.Banned = r.truth("banned") && (until.IsZero() || until.After(o.Now))
	return a, errors.Join(r.err, err)
}

// django reads rows of auth_user, or the lines of dumpdata --format jsonl, which
// keep the columns in an object. A password that starts with ! can never match.
func django(f fields, _ Options) (Account, error) {
	id := f.text("pk", "id")
	if columns := f.object("fields"); columns != nil {
		f = columns
	}
	r := &reading{fields: f}
	hash := r.text("password")
	if strings.HasPrefix(hash, "!") {
		hash = ""
	}
	a := r.common(hash, "date_joined")
	a.OldID = id
	if a.Name = r.fullName("first_name", "last_name"); a.Name == "" {
		a.Name = r.text("username")
	}
	a.EmailVerified = r.truth("email_verified", "verified")
	if r.truth("is_superuser") {
		a.Role = admit.RoleAdmin
	}
	a.Banned = r.text("is_active") != "" && !r.truth("is_active")
	return a, r.err
}

// auth0 reads user exports, and the file of password hashes that support sends.
func auth0(f fields, _ Options) (Account, error) {
	r := &reading{fields: f}
	hash := r.text("passwordHash", "password_hash")
	if hash == "" {
		hash = r.object("custom_password_hash").object("hash").text("value")
	}
	a := r.common(hash, "created_at")
	if a.OldID = r.text("user_id"); a.OldID == "" {
		a.OldID = r.object("_id").text("$oid")
	}
	if a.Name == "" || a.Name == a.Email {
		if a.Name = r.fullName("given_name", "family_name"); a.Name == "" {
			a.Name = r.text("nickname")
		}
	}
	a.EmailVerified, a.Banned = r.truth("email_verified"), r.truth("blocked")
	return a, r.err
}

// clerk reads the export of the dashboard.
func clerk(f fields, o Options) (Account, error) {
	r := &reading{fields: f}
	hash, err := r.text("password_digest"), error(nil)
	if hash != "" && !o.NoPasswords {
		hash, err = o.converted(fromClerk(r.text("password_hasher"), hash))
	}
	a := r.common(hash, "created_at")
	a.Email = r.text("primary_email_address")
	if a.Name = r.fullName("first_name", "last_name"); a.Name == "" {
		a.Name = r.text("username")
	}
	proven := strings.FieldsFunc(r.text("verified_email_addresses"), func(c rune) bool { return strings.ContainsRune("|,; ", c) })
	a.EmailVerified = slices.Contains(proven, a.Email)
	a.Banned = r.truth("banned") || r.truth("locked")
	return a, errors.Join(r.err, err)
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
func keycloak(f fields, o Options) (Account, error) {
	r := &reading{fields: f}
	var hash string
	var err error
	credential := r.text("credentialData", "credential_data")
	secret := r.text("secretData", "secret_data")
	for _, c := range r.list("credentials") {
		if c.text("type") == "password" {
			credential, secret = c.text("credentialData"), c.text("secretData")
			break
		}
	}
	if credential != "" && !o.NoPasswords {
		hash, err = o.converted(passhash.FromKeycloak(credential, secret))
	}
	a := r.common(hash, "createdTimestamp", "created_timestamp")
	if a.Name = r.fullName("firstName", "lastName"); a.Name == "" {
		if a.Name = r.fullName("first_name", "last_name"); a.Name == "" {
			a.Name = r.text("username")
		}
	}
	a.EmailVerified = r.truth("emailVerified", "email_verified")
	a.Banned = r.text("enabled") != "" && !r.truth("enabled")
	return a, errors.Join(r.err, err)
}
