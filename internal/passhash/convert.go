package passhash

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
)

// FirebaseProject has the hash parameters of a project as the Firebase console
// shows them, all text in base64.
type FirebaseProject struct {
	SignerKey, SaltSeparator string
	Rounds, MemoryCost       int
}

// FromFirebase makes a string for Verify from the salt and the hash of a user,
// as Firebase exports them, and the parameters of the project. GoTrue writes
// the same string.
func FromFirebase(project FirebaseProject, salt, hash string) (string, error) {
	fields := [...]string{project.SaltSeparator, project.SignerKey, salt, hash}
	for i, field := range fields {
		decoded, ok := unpad(field)
		if !ok {
			return "", damaged("Firebase")
		}
		fields[i] = base64.StdEncoding.EncodeToString(decoded)
	}
	encoded := fmt.Sprintf("$fbscrypt$v=1,n=%d,r=%d,p=1,ss=%s,sk=%s$%s$%s",
		project.MemoryCost, project.Rounds, fields[0], fields[1], fields[2], fields[3])
	return encoded, Recognise(encoded)
}

// FromKeycloak makes a string for Verify from the two JSON texts of a password
// credential, as a realm export or the credential table has them. The
// algorithms are argon2, pbkdf2, pbkdf2-sha256 and pbkdf2-sha512.
func FromKeycloak(credentialData, secretData string) (string, error) {
	var credential struct {
		Algorithm      string              `json:"algorithm"`
		HashIterations int                 `json:"hashIterations"`
		Parameters     map[string][]string `json:"additionalParameters"`
	}
	var secret struct {
		Value string `json:"value"`
		Salt  string `json:"salt"`
	}
	if json.Unmarshal([]byte(credentialData), &credential) != nil || json.Unmarshal([]byte(secretData), &secret) != nil {
		return "", damaged("Keycloak")
	}
	salt, saltOK := unpad(secret.Salt)
	key, keyOK := unpad(secret.Value)
	if !saltOK || !keyOK {
		return "", damaged("Keycloak")
	}
	tail := "$" + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(key)
	iterations := strconv.Itoa(credential.HashIterations)
	var encoded string
	switch credential.Algorithm {
	case "pbkdf2", "pbkdf2-sha256", "pbkdf2-sha512":
		encoded = "$" + credential.Algorithm + "$" + iterations + tail
	case "argon2":
		first := func(name string) string {
			if values := credential.Parameters[name]; len(values) > 0 {
				return values[0]
			}
			return ""
		}
		if first("version") != "1.3" {
			return "", damaged("Keycloak")
		}
		encoded = "$argon2" + first("type") + "$v=19$m=" + first("memory") + ",t=" + iterations + ",p=" + first("parallelism") + tail
	default:
		return "", fmt.Errorf("%w: Keycloak algorithm %.40q", ErrUnrecognised, credential.Algorithm)
	}
	return encoded, Recognise(encoded)
}
