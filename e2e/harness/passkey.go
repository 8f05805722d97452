package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"

	"github.com/admit-go/admit"
)

// Device is an authenticator in software together with its browser: ES256,
// discoverable, attestation "none". Each field changes one part of the answers,
// so that a test can make one part wrong and leave the others right.
type Device struct {
	// Origin is the origin of the page. CrossOrigin and TopOrigin are the members
	// of the client data for a page in a frame.
	Origin, TopOrigin string
	CrossOrigin       bool
	// RPID is the RP ID that is hashed into the authenticator data. "" means the
	// RP ID of the options, or the host of Origin.
	RPID string
	// Present, Verified, Eligible and BackedUp are the flags.
	Present, Verified, Eligible, BackedUp bool
	// Count is the next sign count.
	Count uint32
	// AAGUID is the model.
	AAGUID [16]byte
	// Type replaces the type of the client data.
	Type string
	// Transports are reported at the registration.
	Transports []string

	ID, Handle []byte
	key        *ecdsa.PrivateKey
	t          testing.TB
}

// NewDevice makes an authenticator that verifies its user, used at BaseURL.
func NewDevice(t testing.TB) *Device {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := &Device{Origin: BaseURL, Present: true, Verified: true, ID: make([]byte, 32), key: key, Transports: []string{"internal"}, t: t}
	_, _ = rand.Read(d.ID)
	return d
}

// passkeyOptions is the part of the options that a Device reads.
type passkeyOptions struct {
	PublicKey struct {
		Challenge string `json:"challenge"`
		RPID      string `json:"rpId"`
		RP        struct {
			ID string `json:"id"`
		} `json:"rp"`
		User struct {
			ID string `json:"id"`
		} `json:"user"`
	} `json:"publicKey"`
}

func (d *Device) read(options *Answer) (o passkeyOptions) {
	d.t.Helper()
	if err := json.Unmarshal(options.Body, &o); err != nil {
		d.t.Fatalf("options: %v in %s", err, options.Body)
	}
	return o
}

// Begun returns the result of a call from Go in the form of an answer of the
// API.
func Begun(t testing.TB, begun admit.PasskeyOptions) *Answer {
	t.Helper()
	body, err := json.Marshal(J{"ceremonyId": begun.CeremonyID, "publicKey": json.RawMessage(begun.Options)})
	if err != nil {
		t.Fatal(err)
	}
	return &Answer{Status: 200, Body: body, t: t}
}

// Answered returns an answer of a browser in the form for a call from Go.
func Answered(t testing.TB, options *Answer, credential J) admit.PasskeyAnswer {
	t.Helper()
	text, err := json.Marshal(credential)
	if err != nil {
		t.Fatal(err)
	}
	return admit.PasskeyAnswer{CeremonyID: options.String("ceremonyId"), Credential: text}
}

// ClientData is the client data of an answer.
func (d *Device) ClientData(kind, challenge string) []byte {
	if d.Type != "" {
		kind = d.Type
	}
	data := map[string]any{"type": kind, "challenge": challenge, "origin": d.Origin, "crossOrigin": d.CrossOrigin}
	if d.TopOrigin != "" {
		data["topOrigin"] = d.TopOrigin
	}
	text, err := json.Marshal(data)
	if err != nil {
		d.t.Fatal(err)
	}
	return text
}

// AuthData is the authenticator data without credential.
func (d *Device) AuthData(rpID string, attested bool) []byte {
	if d.RPID != "" {
		rpID = d.RPID
	}
	hash := sha256.Sum256([]byte(rpID))
	var flags byte
	for bit, on := range map[byte]bool{0x01: d.Present, 0x04: d.Verified, 0x08: d.Eligible, 0x10: d.BackedUp, 0x40: attested} {
		if on {
			flags |= bit
		}
	}
	data := append(hash[:], flags)
	return binary.BigEndian.AppendUint32(data, d.Count)
}

// Attested is the authenticator data of a registration with a COSE_Key.
func (d *Device) Attested(rpID string, cose []byte) []byte {
	data := append(d.AuthData(rpID, true), d.AAGUID[:]...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(d.ID)))
	return slices.Concat(data, d.ID, cose)
}

// COSE is the public key.
func (d *Device) COSE() []byte {
	point, err := d.key.PublicKey.Bytes()
	if err != nil {
		d.t.Fatal(err)
	}
	// {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}
	return slices.Concat([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}, point[1:33], []byte{0x22, 0x58, 0x20}, point[33:])
}

// Attestation is an attestation object of format "none".
func Attestation(authData []byte) []byte {
	head := slices.Concat([]byte{0xa3, 0x63}, []byte("fmt"), []byte{0x64}, []byte("none"), []byte{0x67}, []byte("attStmt"), []byte{0xa0, 0x68}, []byte("authData"))
	head = append(head, 0x59)
	head = binary.BigEndian.AppendUint16(head, uint16(len(authData)))
	return append(head, authData...)
}

// Made is a RegistrationResponseJSON.
func (d *Device) Made(clientData, attestation []byte) J {
	return J{
		"id": b64(d.ID), "rawId": b64(d.ID), "type": "public-key", "clientExtensionResults": J{},
		"response": J{"clientDataJSON": b64(clientData), "attestationObject": b64(attestation), "transports": d.Transports},
	}
}

// Register answers the options of a registration.
func (d *Device) Register(options *Answer) J {
	d.t.Helper()
	o := d.read(options)
	d.Handle, _ = base64.RawURLEncoding.DecodeString(o.PublicKey.User.ID)
	return d.Made(d.ClientData("webauthn.create", o.PublicKey.Challenge), Attestation(d.Attested(o.PublicKey.RP.ID, d.COSE())))
}

// Assert answers the options of a sign-in.
func (d *Device) Assert(options *Answer) J {
	d.t.Helper()
	o := d.read(options)
	return d.Signed(d.ClientData("webauthn.get", o.PublicKey.Challenge), d.AuthData(o.PublicKey.RPID, false))
}

// Signed is an AuthenticationResponseJSON.
func (d *Device) Signed(clientData, authData []byte) J {
	d.t.Helper()
	hash := sha256.Sum256(clientData)
	digest := sha256.Sum256(append(slices.Clone(authData), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, d.key, digest[:])
	if err != nil {
		d.t.Fatal(err)
	}
	response := J{"clientDataJSON": b64(clientData), "authenticatorData": b64(authData), "signature": b64(signature)}
	if d.Handle != nil {
		response["userHandle"] = b64(d.Handle)
	}
	return J{"id": b64(d.ID), "rawId": b64(d.ID), "type": "public-key", "clientExtensionResults": J{}, "response": response}
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// BeginPasskey begins a registration.
func (s *Server) BeginPasskey(access string, body J) *Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/passkeys/register/options", body, Bearer(access))
}

// FinishPasskey ends a registration.
func (s *Server) FinishPasskey(access string, options *Answer, credential J) *Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/passkeys/register/verify", J{"ceremonyId": options.String("ceremonyId"), "credential": credential}, Bearer(access))
}

// AddPasskey registers a device.
func (s *Server) AddPasskey(p Person, d *Device) *Answer {
	s.T.Helper()
	options := s.BeginPasskey(p.Access, J{}).Want(200)
	return s.FinishPasskey(p.Access, options, d.Register(options))
}

// PasskeyOptions begins a sign-in.
func (s *Server) PasskeyOptions(body J) *Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/passkeys/signin/options", body)
}

// PasskeySignIn ends a sign-in.
func (s *Server) PasskeySignIn(options *Answer, credential J) *Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/passkeys/signin/verify", J{"ceremonyId": options.String("ceremonyId"), "credential": credential})
}

// ByPasskey signs in with a device that the browser finds by itself.
func (s *Server) ByPasskey(d *Device) *Answer {
	s.T.Helper()
	options := s.PasskeyOptions(J{}).Want(200)
	return s.PasskeySignIn(options, d.Assert(options))
}
