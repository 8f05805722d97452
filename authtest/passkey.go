package authtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"testing"

	"github.com/admit-go/admit"
)

// Passkey is an authenticator in software, together with the browser that asks
// it. It holds one passkey: ES256, discoverable, with attestation "none"
// (WebAuthn Level 3). [Kit.NewPasskey] makes one. The fields may be changed
// between two calls.
type Passkey struct {
	// Origin is that of the page that asks. Default: that of Config.BaseURL.
	Origin string
	// Verifies says that the authenticator verifies its user, by a finger, a face
	// or a PIN: then the passkey counts as two factors. Default true.
	Verifies bool
	// Synced says that copies of the passkey are kept elsewhere, such as in the
	// account of a password manager. Default false.
	Synced bool
	// SignCount is sent with each answer, and not changed. Default 0, which is what
	// synced passkeys send.
	SignCount uint32

	t          testing.TB
	id, handle []byte
	key        *ecdsa.PrivateKey
}

// NewPasskey returns an authenticator without a passkey, as a test of the host's
// own pages needs it. [Kit.EnrollPasskey] also registers it.
func (k *Kit) NewPasskey() *Passkey {
	k.t.Helper()
	return &Passkey{Origin: k.origin, Verifies: true, t: k.t}
}

// EnrollPasskey registers a passkey for somebody. The address of the account must
// be verified. The configuration needs an engine:
//
//	kit := authtest.New(t, func(c *admit.Config) { c.Passkeys.Engine = passkey.Engine{} })
func (k *Kit) EnrollPasskey(user admit.SignedIn) *Passkey {
	k.t.Helper()
	p := k.NewPasskey()
	begun, err := k.Auth.Passkeys.BeginRegistration(k.t.Context(), admit.BeginPasskeyParams{UserID: user.User.ID, SessionID: user.Session.ID})
	if errors.Is(err, admit.ErrNotFound) {
		k.t.Fatal("Config.Passkeys.Engine is not set, so there are no passkeys")
	}
	if err == nil {
		_, err = k.Auth.Passkeys.FinishRegistration(k.t.Context(), admit.FinishPasskeyParams{
			PasskeyAnswer: p.Create(begun), UserID: user.User.ID, SessionID: user.Session.ID,
		})
	}
	if err != nil {
		k.t.Fatalf("register a passkey: %v", err)
	}
	return p
}

// passkeyOptions is what an authenticator reads of the options of a ceremony.
type passkeyOptions struct {
	Challenge string `json:"challenge"`
	RPID      string `json:"rpId"`
	RP        struct {
		ID string `json:"id"`
	} `json:"rp"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
	Exclude []struct {
		ID string `json:"id"`
	} `json:"excludeCredentials"`
}

func (p *Passkey) read(begun admit.PasskeyOptions) (o passkeyOptions) {
	p.t.Helper()
	if err := json.Unmarshal(begun.Options, &o); err != nil {
		p.t.Fatalf("the options of a passkey: %v in %q", err, begun.Options)
	}
	return o
}

// Create answers the options of a registration, as navigator.credentials.create
// does: it makes the passkey, in the place of one that was made before. The test
// fails where the options exclude the passkey that is held.
func (p *Passkey) Create(begun admit.PasskeyOptions) admit.PasskeyAnswer {
	p.t.Helper()
	o := p.read(begun)
	for _, held := range o.Exclude {
		if p.id != nil && held.ID == encode(p.id) {
			p.t.Fatal("the account has this passkey already")
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		p.t.Fatal(err)
	}
	p.key, p.id = key, make([]byte, 32)
	_, _ = rand.Read(p.id)
	if p.handle, err = base64.RawURLEncoding.DecodeString(o.User.ID); err != nil {
		p.t.Fatalf("the user handle %q: %v", o.User.ID, err)
	}
	data := append(p.authenticatorData(o.RP.ID, true), make([]byte, 16)...) // no model
	data = binary.BigEndian.AppendUint16(data, uint16(len(p.id)))
	data = slices.Concat(data, p.id, coseKey(point))
	return p.answer(begun, map[string]any{
		"clientDataJSON":    encode(p.clientData("webauthn.create", o.Challenge)),
		"attestationObject": encode(attestation(data)), "transports": []string{"internal"},
	})
}

// Get answers the options of a sign-in, as navigator.credentials.get does. It asks
// nobody, and does not look at which passkeys the options allow: the server has to
// refuse the answer.
func (p *Passkey) Get(begun admit.PasskeyOptions) admit.PasskeyAnswer {
	p.t.Helper()
	if p.key == nil {
		p.t.Fatal("the authenticator has no passkey: call Create first")
	}
	o := p.read(begun)
	client, data := p.clientData("webauthn.get", o.Challenge), p.authenticatorData(o.RPID, false)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(slices.Concat(data, hash[:]))
	signature, err := ecdsa.SignASN1(rand.Reader, p.key, digest[:])
	if err != nil {
		p.t.Fatal(err)
	}
	return p.answer(begun, map[string]any{
		"clientDataJSON": encode(client), "authenticatorData": encode(data), "signature": encode(signature), "userHandle": encode(p.handle),
	})
}

func (p *Passkey) answer(begun admit.PasskeyOptions, response map[string]any) admit.PasskeyAnswer {
	p.t.Helper()
	credential, err := json.Marshal(map[string]any{
		"id": encode(p.id), "rawId": encode(p.id), "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return admit.PasskeyAnswer{CeremonyID: begun.CeremonyID, Credential: credential}
}

// clientData is what the browser signs for (WebAuthn Level 3, section 5.8.1).
func (p *Passkey) clientData(kind, challenge string) []byte {
	p.t.Helper()
	text, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": p.Origin, "crossOrigin": false})
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

// authenticatorData is what the authenticator signs for (WebAuthn Level 3, section
// 6.1).
func (p *Passkey) authenticatorData(rpID string, attested bool) []byte {
	const present, verified, eligible, backedUp, withCredential = 0x01, 0x04, 0x08, 0x10, 0x40
	flags := byte(present)
	if p.Verifies {
		flags |= verified
	}
	if p.Synced {
		flags |= eligible | backedUp
	}
	if attested {
		flags |= withCredential
	}
	hash := sha256.Sum256([]byte(rpID))
	return binary.BigEndian.AppendUint32(append(hash[:], flags), p.SignCount)
}

// coseKey is a point of P-256 as a COSE_Key (RFC 9053, section 7.1.1), in CBOR:
// {1: 2, 3: -7, -1: 1, -2: x, -3: y}.
func coseKey(point []byte) []byte {
	return slices.Concat([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}, point[1:33], []byte{0x22, 0x58, 0x20}, point[33:])
}

// attestation is an attestation object of format "none" (WebAuthn Level 3, section
// 8.7), in CBOR: {"fmt": "none", "attStmt": {}, "authData": data}.
func attestation(data []byte) []byte {
	object := slices.Concat([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59"))
	return append(binary.BigEndian.AppendUint16(object, uint16(len(data))), data...)
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// originOf is the origin of the pages of a base URL. Browsers open pages with
// passkeys at localhost, and not at a loopback address.
func originOf(base *url.URL) string {
	host := base.Host
	if name := base.Hostname(); name == "127.0.0.1" || name == "::1" {
		host = "localhost"
		if port := base.Port(); port != "" {
			host += ":" + port
		}
	}
	return base.Scheme + "://" + host
}
