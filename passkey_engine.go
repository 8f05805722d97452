package admit

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	origins "github.com/admit-go/admit/internal/origin"
)

// This file is what the rules of passkeys know of WebAuthn: an interface of bytes
// and plain structs. Package passkey implements it; Config.Passkeys switches it
// on.

// PasskeyConfig switches passkeys on and says for which site they are made.
type PasskeyConfig struct {
	// Engine reads and checks the messages of WebAuthn: passkey.Engine{} of the
	// module github.com/admit-go/admit/passkey. Default nil: there are no passkeys,
	// and their routes answer ErrNotFound.
	Engine PasskeyEngine
	// RPID is the domain that passkeys belong to (relying party id, WebAuthn
	// Level 3, section 5.4.2): the host name of BaseURL, or a parent domain of it.
	// A passkey never works for another RPID, so do not change it later. Default:
	// the host name of BaseURL, and localhost where BaseURL names a loopback
	// address, since browsers take no address for a domain.
	RPID string
	// Origins are the origins, beside that of BaseURL, whose pages may ask for
	// passkeys: of another port, of a subdomain of RPID, of another domain
	// ("https://app.example.de"), or of an Android app
	// ("android:apk-key-hash:…"). Browsers let another domain ask only where
	// https://RPID/.well-known/webauthn lists it (WebAuthn Level 3, section 5.11);
	// Handler serves that document. Browsers read at least five domains of it.
	// Default: none.
	Origins []string
	// RequireUserVerification refuses a passkey that does not verify its user by a
	// PIN, a finger or a face. Default false: such a passkey counts as one factor,
	// and one that verifies its user as two.
	RequireUserVerification bool
}

// PasskeyEngine reads and checks the messages of WebAuthn Level 3. It keeps
// nothing and knows no account. What it returns as state is stored by the caller
// and given back unread. An error of a Finish method means that the answer of the
// client is refused.
type PasskeyEngine interface {
	// BeginRegistration makes a challenge and the options of
	// navigator.credentials.create.
	BeginRegistration(site PasskeySite, in PasskeyRegistration) (PasskeyChallenge, error)
	// FinishRegistration checks a RegistrationResponseJSON against the state of its
	// BeginRegistration (WebAuthn Level 3, section 7.1).
	FinishRegistration(site PasskeySite, state, answer []byte) (PasskeyCredential, error)
	// BeginSignIn makes a challenge and the options of navigator.credentials.get.
	BeginSignIn(site PasskeySite, in PasskeyRequest) (PasskeyChallenge, error)
	// FinishSignIn checks an AuthenticationResponseJSON against the state of its
	// BeginSignIn (WebAuthn Level 3, section 7.2). find returns what is stored of
	// the credential that the answer names. Sign count and backup flags are
	// reported and left to the caller to judge.
	FinishSignIn(site PasskeySite, state, answer []byte, find func(credentialID []byte) (PasskeyCredential, error)) (PasskeyAssertion, error)
}

// PasskeySite is the relying party: for whom passkeys are made.
type PasskeySite struct {
	// ID is the domain, Name what the browser calls the site.
	ID, Name string
	// Origins are the exact origins whose pages may ask.
	Origins []string
}

// PasskeyRegistration is whom a passkey is made for.
type PasskeyRegistration struct {
	// UserHandle is 64 random bytes that stand for the account.
	UserHandle []byte
	// UserName is the address, DisplayName the name of the account: what the
	// browser shows.
	UserName, DisplayName string
	// Exclude are the passkeys that the account has.
	Exclude []PasskeyDescriptor
	// RequireVerification refuses an authenticator that does not verify its user.
	RequireVerification bool
	// Conditional allows an authenticator to make the passkey without asking
	// anybody, after a sign-in by password (mediation "conditional").
	Conditional bool
}

// PasskeyRequest says which passkeys may sign in.
type PasskeyRequest struct {
	// Allow are the passkeys; empty is any that the authenticator finds itself.
	Allow []PasskeyDescriptor
	// UserHandle is the account that Allow belongs to.
	UserHandle []byte
	// RequireVerification refuses an assertion without user verification.
	RequireVerification bool
}

// PasskeyDescriptor names a passkey to a browser.
type PasskeyDescriptor struct {
	ID []byte
	// Transports are those that the authenticator reported: "internal", "hybrid",
	// "usb" …
	Transports []string
}

// PasskeyChallenge is the beginning of a ceremony.
type PasskeyChallenge struct {
	// Options is a PublicKeyCredentialCreationOptionsJSON or a
	// PublicKeyCredentialRequestOptionsJSON.
	Options []byte
	// State is what the Finish method needs.
	State []byte
}

// PasskeyFlags are the flags of authenticator data (WebAuthn Level 3, section
// 6.1).
type PasskeyFlags struct {
	UserPresent, UserVerified, BackupEligible, BackedUp bool
}

// PasskeyCredential is a passkey as it was registered.
type PasskeyCredential struct {
	// ID is the credential id. PublicKey is a COSE_Key.
	ID, PublicKey []byte
	// UserHandle stands for the account; the caller fills it in for find.
	UserHandle []byte
	SignCount  uint32
	Flags      PasskeyFlags
	// Transports are those that the authenticator reported.
	Transports []string
	// AAGUID names the model of the authenticator, 16 bytes.
	AAGUID []byte
}

// PasskeyAssertion is an answer whose signature was found right.
type PasskeyAssertion struct {
	CredentialID []byte
	SignCount    uint32
	Flags        PasskeyFlags
}

// passkeyOrigin is the origin of the pages of a base URL as browsers write it. Pages
// at a loopback address cannot ask for passkeys; those at localhost can.
func passkeyOrigin(baseURL string) (*url.URL, error) {
	text, err := origins.Of(baseURL)
	if err != nil {
		return nil, err
	}
	origin, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	if address, err := netip.ParseAddr(origin.Hostname()); err == nil && address.IsLoopback() {
		origin.Host = strings.TrimSuffix("localhost:"+origin.Port(), ":")
	}
	return origin, nil
}

// withDefaults fills what was left out.
func (c PasskeyConfig) withDefaults(baseURL string) PasskeyConfig {
	if base, err := passkeyOrigin(baseURL); err == nil && c.Engine != nil && c.RPID == "" {
		c.RPID = base.Hostname()
	}
	return c
}

// check finds all that is wrong. It expects the defaults to be filled in.
func (c PasskeyConfig) check(baseURL string) error {
	if c.Engine == nil {
		if c.RPID != "" || len(c.Origins) > 0 || c.RequireUserVerification {
			return errors.New("has settings and no Engine: set passkey.Engine{} of github.com/admit-go/admit/passkey")
		}
		return nil
	}
	var wrong []error
	if base, err := passkeyOrigin(baseURL); err == nil { // else it stands in the list already
		if err := checkRPID(c.RPID, base.Hostname()); err != nil {
			wrong = append(wrong, fmt.Errorf("RPID %q: %w", c.RPID, err))
		}
	}
	for _, origin := range c.Origins {
		check := origins.Check
		if strings.HasPrefix(origin, androidOrigin) {
			check = checkAndroid
		}
		if err := check(origin); err != nil {
			wrong = append(wrong, fmt.Errorf("Origins %q: %w", origin, err))
		}
	}
	return errors.Join(wrong...)
}

// androidOrigin begins the origin that an Android app signs in with.
const androidOrigin = "android:apk-key-hash:"

func checkRPID(id, host string) error {
	if _, err := netip.ParseAddr(id); err == nil {
		return errors.New("browsers take no address, name a domain (or localhost)")
	}
	if strings.ContainsAny(id, ":/@ ") || id != strings.ToLower(id) || id == "" {
		return errors.New("must be a domain in lower case, without scheme and port")
	}
	if id != host && (!strings.HasSuffix(host, "."+id) || !strings.Contains(id, ".")) {
		return fmt.Errorf("must be the host name of BaseURL, %q, or a parent domain of it that can be registered", host)
	}
	return nil
}

// checkAndroid refuses the origin of an Android app that no phone sends: it ends in
// the hash of a certificate, and not in the hexadecimal form that tools print.
func checkAndroid(origin string) error {
	hash, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimPrefix(origin, androidOrigin))
	if err != nil || len(hash) != sha256.Size {
		return errors.New("must end in the SHA-256 of the certificate that signs the app, in base64url: 43 characters")
	}
	return nil
}
