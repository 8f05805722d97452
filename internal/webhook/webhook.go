// Package webhook has the mechanisms of webhooks: signatures by the Standard
// Webhooks specification, the check of a target, the filter of events, the schedule
// of retries, and a sender that works many queues beside each other. The package
// knows no account and no endpoint.
package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The prefixes of keys: a symmetric secret, the private key and the public key of
// Ed25519.
const (
	secretPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
)

// errKey is for a key that this package did not make.
var errKey = errors.New("webhook: the key cannot be read")

// NewSecret returns a new secret of 32 random bytes for signatures v1.
func NewSecret() string {
	var key [32]byte
	rand.Read(key[:]) // crypto/rand.Read never fails: it ends the program
	return secretPrefix + base64.StdEncoding.EncodeToString(key[:])
}

// NewKeyPair returns a new private key for signatures v1a, and its public key.
func NewKeyPair() (private, public string, err error) {
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		return "", "", err
	}
	return privatePrefix + base64.StdEncoding.EncodeToString(priv), publicPrefix + base64.StdEncoding.EncodeToString(pub), nil
}

// Sign returns the value of the header webhook-signature: one signature for each
// key, the first key first. A secret makes a signature v1, a private key a signature
// v1a.
func Sign(id string, at time.Time, body []byte, keys ...string) (string, error) {
	content := append([]byte(id+"."+strconv.FormatInt(at.Unix(), 10)+"."), body...)
	signatures := make([]string, 0, len(keys))
	for _, key := range keys {
		if text, ok := strings.CutPrefix(key, privatePrefix); ok {
			private, err := base64.StdEncoding.DecodeString(text)
			if err != nil || len(private) != ed25519.PrivateKeySize {
				return "", errKey
			}
			signatures = append(signatures, "v1a,"+base64.StdEncoding.EncodeToString(ed25519.Sign(private, content)))
			continue
		}
		text, ok := strings.CutPrefix(key, secretPrefix)
		secret, err := base64.StdEncoding.DecodeString(text)
		if err != nil || !ok || len(secret) == 0 {
			return "", errKey
		}
		mac := hmac.New(sha256.New, secret)
		mac.Write(content)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	if len(signatures) == 0 {
		return "", errKey
	}
	return strings.Join(signatures, " "), nil
}

// SetHeaders sets the headers of a signed message.
func SetHeaders(h http.Header, id string, at time.Time, signature string) {
	h.Set("Content-Type", "application/json")
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	h.Set("Webhook-Signature", signature)
}

// Matches says whether one of the filters names a kind of event. A filter is a kind
// such as "user.created", a group such as "user.*", or "*".
func Matches(filters []string, kind string) bool {
	for _, filter := range filters {
		if filter == "*" || filter == kind {
			return true
		}
		if group, ok := strings.CutSuffix(filter, "*"); ok && strings.HasSuffix(group, ".") && strings.HasPrefix(kind, group) {
			return true
		}
	}
	return false
}
