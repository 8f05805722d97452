// Package passkey reads and checks the messages of WebAuthn (W3C Web
// Authentication Level 3) for the passkeys of Admit:
//
//	auth, err := admit.New(admit.Config{
//		…
//		Passkeys: admit.PasskeyConfig{Engine: passkey.Engine{}},
//	})
//
// It stands on github.com/go-webauthn/webauthn, and is a module of its own so that
// a host without passkeys links none of that. The rules of passkeys (who may
// register and remove them, what they are proof of) are in package admit; an
// Engine keeps nothing, and has no way to make a session.
//
// Script is a JavaScript module for pages that offer passkeys.
package passkey

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/admit-go/admit"
)

// timeout is how long a browser waits for the authenticator: as long as a ceremony
// lives.
const timeout = 5 * time.Minute

// The length of an RSA modulus that is taken, in bits.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

//go:embed passkey.js
var script []byte

// Script returns passkey.js: an ES module without dependencies that registers
// passkeys and signs in with them. docs/passkey.md tells how to use it.
func Script() []byte { return bytes.Clone(script) }

// ScriptHandler serves passkey.js.
func ScriptHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "passkey.js", time.Time{}, bytes.NewReader(script))
	})
}

// Engine is an [admit.PasskeyEngine].
type Engine struct{}

var _ admit.PasskeyEngine = Engine{}

// relyingParty makes the configuration of go-webauthn. Cross-origin frames are
// refused, and so are signatures that are not DER: those are its defaults.
func relyingParty(site admit.PasskeySite, verification protocol.UserVerificationRequirement) (*webauthn.WebAuthn, error) {
	selection := protocol.AuthenticatorSelection{
		RequireResidentKey: protocol.ResidentKeyRequired(), ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: verification,
	}
	// Time is the caller's: the store holds when a ceremony ends.
	wait := webauthn.TimeoutConfig{Timeout: timeout, TimeoutUVD: timeout}
	return webauthn.New(&webauthn.Config{
		RPID: site.ID, RPDisplayName: site.Name, RPOrigins: site.Origins,
		AttestationPreference: protocol.PreferNoAttestation, AuthenticatorSelection: selection,
		Timeouts: webauthn.TimeoutsConfig{Login: wait, Registration: wait},
		// Some password managers answer extensions that nobody has asked for.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
}

func verification(required bool) protocol.UserVerificationRequirement {
	if required {
		return protocol.VerificationRequired
	}
	return protocol.VerificationPreferred
}

// algorithms are those that passkeys are made with, the best first. Windows Hello
// without a recent TPM makes RS256 alone.
func algorithms() []protocol.CredentialParameter {
	var list []protocol.CredentialParameter
	for _, alg := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgEdDSA, webauthncose.AlgRS256} {
		list = append(list, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: alg})
	}
	return list
}

// person is an account as go-webauthn sees it.
type person struct {
	handle       []byte
	name, called string
	credentials  []webauthn.Credential
}

func (p *person) WebAuthnID() []byte                         { return p.handle }
func (p *person) WebAuthnName() string                       { return p.name }
func (p *person) WebAuthnDisplayName() string                { return p.called }
func (p *person) WebAuthnCredentials() []webauthn.Credential { return p.credentials }

func descriptors(passkeys []admit.PasskeyDescriptor) []protocol.CredentialDescriptor {
	var list []protocol.CredentialDescriptor
	for _, p := range passkeys {
		descriptor := protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: p.ID}
		for _, transport := range p.Transports {
			descriptor.Transport = append(descriptor.Transport, protocol.AuthenticatorTransport(transport))
		}
		list = append(list, descriptor)
	}
	return list
}

// kept is the state of a ceremony: all that go-webauthn asks to be kept, and the
// version of this form.
type kept struct {
	Version int                  `json:"v"`
	Session webauthn.SessionData `json:"session"`
}

func challenge(options any, session *webauthn.SessionData) (admit.PasskeyChallenge, error) {
	var c admit.PasskeyChallenge
	var err error
	if c.Options, err = json.Marshal(options); err != nil {
		return c, err
	}
	c.State, err = json.Marshal(kept{Version: 1, Session: *session})
	return c, err
}

func session(state []byte) (webauthn.SessionData, error) {
	var k kept
	if err := json.Unmarshal(state, &k); err != nil {
		return k.Session, err
	}
	if k.Version != 1 {
		return k.Session, fmt.Errorf("passkey: state of version %d", k.Version)
	}
	return k.Session, nil
}

// BeginRegistration makes a challenge and the options of
// navigator.credentials.create: discoverable, without attestation, ES256, EdDSA or
// RS256.
func (Engine) BeginRegistration(site admit.PasskeySite, in admit.PasskeyRegistration) (admit.PasskeyChallenge, error) {
	party, err := relyingParty(site, verification(in.RequireVerification))
	if err != nil {
		return admit.PasskeyChallenge{}, err
	}
	mediation := protocol.MediationDefault
	if in.Conditional {
		mediation = protocol.MediationConditional
	}
	who := &person{handle: in.UserHandle, name: in.UserName, called: in.DisplayName}
	creation, session, err := party.BeginMediatedRegistration(who, mediation,
		webauthn.WithCredentialParameters(algorithms()), webauthn.WithExclusions(descriptors(in.Exclude)))
	if err != nil {
		return admit.PasskeyChallenge{}, err
	}
	return challenge(creation.Response, session)
}

// FinishRegistration checks a RegistrationResponseJSON. An attestation is checked
// for being whole, and trusted for nothing.
func (Engine) FinishRegistration(site admit.PasskeySite, state, answer []byte) (admit.PasskeyCredential, error) {
	var made admit.PasskeyCredential
	begun, err := session(state)
	if err != nil {
		return made, err
	}
	party, err := relyingParty(site, begun.UserVerification)
	if err != nil {
		return made, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(respelled(answer))
	if err != nil {
		return made, described(err)
	}
	credential, err := party.CreateCredential(&person{handle: begun.UserID}, begun, parsed)
	if err != nil {
		return made, described(err)
	}
	if err := checkKey(credential.PublicKey); err != nil {
		return made, err
	}
	made = admit.PasskeyCredential{
		ID: credential.ID, PublicKey: credential.PublicKey, UserHandle: begun.UserID, SignCount: credential.Authenticator.SignCount,
		AAGUID: credential.Authenticator.AAGUID, Flags: flagsOf(parsed.Response.AttestationObject.AuthData.Flags),
	}
	for _, transport := range credential.Transport {
		made.Transports = append(made.Transports, string(transport))
	}
	return made, nil
}

// checkKey refuses keys that are too weak to prove anything, and keys that cost
// too much to check.
func checkKey(encoded []byte) error {
	key, err := webauthncose.ParsePublicKey(encoded)
	if err != nil {
		return described(err)
	}
	var modulus []byte
	switch key := key.(type) {
	case webauthncose.RSAPublicKeyData:
		modulus = key.Modulus
	case *webauthncose.RSAPublicKeyData:
		modulus = key.Modulus
	default:
		return nil
	}
	bits := new(big.Int).SetBytes(modulus).BitLen()
	if bits < minRSABits || bits > maxRSABits {
		return fmt.Errorf("passkey: an RSA key of %d bits", bits)
	}
	return nil
}

// BeginSignIn makes a challenge and the options of navigator.credentials.get.
func (Engine) BeginSignIn(site admit.PasskeySite, in admit.PasskeyRequest) (admit.PasskeyChallenge, error) {
	party, err := relyingParty(site, verification(in.RequireVerification))
	if err != nil {
		return admit.PasskeyChallenge{}, err
	}
	var assertion *protocol.CredentialAssertion
	var session *webauthn.SessionData
	if len(in.Allow) == 0 {
		assertion, session, err = party.BeginDiscoverableLogin()
	} else {
		who := &person{handle: in.UserHandle, credentials: make([]webauthn.Credential, len(in.Allow))}
		for i, d := range descriptors(in.Allow) {
			who.credentials[i] = webauthn.Credential{ID: d.CredentialID, Transport: d.Transport}
		}
		assertion, session, err = party.BeginLogin(who)
	}
	if err != nil {
		return admit.PasskeyChallenge{}, err
	}
	return challenge(assertion.Response, session)
}

// respelled returns an answer with its bytes in base64url without padding, as
// browsers write them. Apps send what their platform's base64 makes: with padding,
// and with + and /. An answer that is no object is returned as it is.
func respelled(answer []byte) []byte {
	credential, response := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if json.Unmarshal(answer, &credential) != nil || json.Unmarshal(credential["response"], &response) != nil {
		return answer
	}
	respell(credential, "id", "rawId")
	respell(response, "clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle", "publicKey")
	var err error
	if credential["response"], err = json.Marshal(response); err != nil {
		return answer
	}
	if whole, err := json.Marshal(credential); err == nil {
		return whole
	}
	return answer
}

func respell(members map[string]json.RawMessage, names ...string) {
	for _, name := range names {
		var text string
		if json.Unmarshal(members[name], &text) != nil || text == "" {
			continue
		}
		text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
		if spelled, err := json.Marshal(text); err == nil {
			members[name] = spelled
		}
	}
}

// errUnknown answers a passkey that find does not know.
var errUnknown = errors.New("passkey: the credential is not known")

// FinishSignIn checks an AuthenticationResponseJSON.
func (Engine) FinishSignIn(site admit.PasskeySite, state, answer []byte, find func(credentialID []byte) (admit.PasskeyCredential, error)) (admit.PasskeyAssertion, error) {
	var asserted admit.PasskeyAssertion
	begun, err := session(state)
	if err != nil {
		return asserted, err
	}
	party, err := relyingParty(site, begun.UserVerification)
	if err != nil {
		return asserted, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(respelled(answer))
	if err != nil {
		return asserted, described(err)
	}
	stored, err := find(parsed.RawID)
	if err != nil {
		return asserted, err
	}
	if !bytes.Equal(stored.ID, parsed.RawID) {
		return asserted, errUnknown
	}
	flags := parsed.Response.AuthenticatorData.Flags
	known := webauthn.Credential{ID: stored.ID, PublicKey: stored.PublicKey, Authenticator: webauthn.Authenticator{AAGUID: stored.AAGUID, SignCount: stored.SignCount}}
	// Whether a passkey may begin or cease to be backed up is for the caller to
	// judge: synced passkeys begin to be.
	known.Flags.BackupEligible = flags.HasBackupEligible()
	who := &person{handle: stored.UserHandle, credentials: []webauthn.Credential{known}}
	for _, id := range begun.AllowedCredentialIDs {
		// The account may have lost one of them since; the answer counts all the same.
		if !bytes.Equal(id, stored.ID) {
			who.credentials = append(who.credentials, webauthn.Credential{ID: id})
		}
	}
	if len(begun.AllowedCredentialIDs) == 0 {
		_, _, err = party.ValidatePasskeyLogin(func(_, _ []byte) (webauthn.User, error) { return who, nil }, begun, parsed)
	} else {
		_, err = party.ValidateLogin(who, begun, parsed)
	}
	if err != nil {
		return asserted, described(err)
	}
	return admit.PasskeyAssertion{CredentialID: stored.ID, SignCount: parsed.Response.AuthenticatorData.Counter, Flags: flagsOf(flags)}, nil
}

func flagsOf(flags protocol.AuthenticatorFlags) admit.PasskeyFlags {
	return admit.PasskeyFlags{
		UserPresent: flags.HasUserPresent(), UserVerified: flags.HasUserVerified(),
		BackupEligible: flags.HasBackupEligible(), BackedUp: flags.HasBackupState(),
	}
}

// described adds what go-webauthn tells developers to its error, for the log.
func described(err error) error {
	if detailed, ok := errors.AsType[*protocol.Error](err); ok && detailed.DevInfo != "" {
		return fmt.Errorf("passkey: %w (%s)", err, detailed.DevInfo)
	}
	return fmt.Errorf("passkey: %w", err)
}
