package passkey

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/admit-go/admit"
)

// vector is one of the test vectors of WebAuthn Level 3, section 16. All values are
// hexadecimal.
type vector struct {
	Section      string `json:"section"`
	Registration struct {
		AttestationObject, ClientDataJSON, CredentialID, Challenge string
	} `json:"registration"`
	Authentication struct {
		AuthenticatorData, ClientDataJSON, Signature, Challenge string
	} `json:"authentication"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

var exampleOrg = admit.PasskeySite{ID: "example.org", Name: "Example", Origins: []string{"https://example.org"}}

// b64 spells hexadecimal in base64url.
func b64(t testing.TB, text string) string {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// stateOf is what Begin would have kept for a challenge.
func stateOf(t testing.TB, challenge string) []byte {
	t.Helper()
	state, err := json.Marshal(kept{Version: 1, Session: webauthn.SessionData{
		Challenge: challenge, RelyingPartyID: exampleOrg.ID, CredParams: algorithms(), UserVerification: protocol.VerificationPreferred,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func (v *vector) made(t testing.TB) []byte {
	t.Helper()
	r := v.Registration
	answer, err := json.Marshal(map[string]any{
		"id": b64(t, r.CredentialID), "rawId": b64(t, r.CredentialID), "type": "public-key",
		"response": map[string]any{"clientDataJSON": b64(t, r.ClientDataJSON), "attestationObject": b64(t, r.AttestationObject)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func (v *vector) held(t testing.TB, handle []byte) []byte {
	t.Helper()
	a := v.Authentication
	answer, err := json.Marshal(map[string]any{
		"id": b64(t, v.Registration.CredentialID), "rawId": b64(t, v.Registration.CredentialID), "type": "public-key",
		"response": map[string]any{
			"clientDataJSON": b64(t, a.ClientDataJSON), "authenticatorData": b64(t, a.AuthenticatorData), "signature": b64(t, a.Signature),
			"userHandle": base64.RawURLEncoding.EncodeToString(handle),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// The vectors of the specification are taken where their algorithm is offered and
// they come from no frame of another site, and are refused otherwise.
func TestVectorsOfTheSpecification(t *testing.T) {
	refused := map[string]string{
		"16.4": "a frame of another site", "16.5": "a frame of another site", "16.8": "ES384", "16.9": "ES512",
		// Nobody has asked for these statements, and their roots are the
		// specification's own.
		"16.13": "a TPM of an unknown maker", "16.14": "an unknown root", "16.15": "an unknown root",
	}
	taken := 0
	for _, v := range vectors(t) {
		made, err := Engine{}.FinishRegistration(exampleOrg, stateOf(t, b64(t, v.Registration.Challenge)), v.made(t))
		if why := refused[v.Section]; (err == nil) != (why == "") {
			t.Errorf("section %s (%s): %v", v.Section, why, err)
		}
		if err != nil {
			continue
		}
		taken++
		if hex.EncodeToString(made.ID) != v.Registration.CredentialID {
			t.Errorf("section %s: the id is %x", v.Section, made.ID)
		}
		made.UserHandle = []byte("somebody")
		find := func([]byte) (admit.PasskeyCredential, error) { return made, nil }
		held, err := Engine{}.FinishSignIn(exampleOrg, stateOf(t, b64(t, v.Authentication.Challenge)), v.held(t, made.UserHandle), find)
		if err != nil {
			t.Errorf("section %s: the sign-in: %v", v.Section, err)
			continue
		}
		if !bytes.Equal(held.CredentialID, made.ID) || !held.Flags.UserPresent {
			t.Errorf("section %s: the sign-in gave %+v", v.Section, held)
		}
		// The same answer to another challenge, at another site, or with another key.
		if _, err := (Engine{}).FinishSignIn(exampleOrg, stateOf(t, b64(t, v.Registration.Challenge)), v.held(t, made.UserHandle), find); err == nil {
			t.Errorf("section %s: another challenge was taken", v.Section)
		}
		elsewhere := admit.PasskeySite{ID: "example.com", Name: "Example", Origins: []string{"https://example.com"}}
		if _, err := (Engine{}).FinishSignIn(elsewhere, stateOf(t, b64(t, v.Authentication.Challenge)), v.held(t, made.UserHandle), find); err == nil {
			t.Errorf("section %s: another site took it", v.Section)
		}
	}
	if taken < 7 {
		t.Errorf("only %d vectors were taken", taken)
	}
}

// All that go-webauthn asks to be kept comes back: state that lacks the offered
// algorithms makes every registration fail.
func TestStateIsKeptWhole(t *testing.T) {
	begun, err := Engine{}.BeginRegistration(exampleOrg, admit.PasskeyRegistration{
		UserHandle: bytes.Repeat([]byte{1}, 64), UserName: "ann@example.org", DisplayName: "Ann", RequireVerification: true, Conditional: true,
		Exclude: []admit.PasskeyDescriptor{{ID: []byte("0123456789abcdef"), Transports: []string{"internal"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	state, err := session(begun.State)
	if err != nil {
		t.Fatal(err)
	}
	if len(state.CredParams) != 3 || state.Mediation != protocol.MediationConditional || state.UserVerification != protocol.VerificationRequired ||
		len(state.UserID) != 64 || state.RelyingPartyID != "example.org" || state.Challenge == "" || !state.Expires.IsZero() {
		t.Errorf("the state is %+v", state)
	}
	var options struct {
		Challenge string
		RP        struct{ ID, Name string }
		User      struct{ ID, Name, DisplayName string }

		PubKeyCredParams []struct {
			Type string
			Alg  any
		}
		AuthenticatorSelection struct {
			ResidentKey, UserVerification string
			RequireResidentKey            bool
		}
		ExcludeCredentials []struct{ ID, Type string }
		Attestation        string
		Timeout            int
	}
	if err := json.Unmarshal(begun.Options, &options); err != nil {
		t.Fatal(err)
	}
	if options.RP.ID != "example.org" || options.AuthenticatorSelection.ResidentKey != "required" || !options.AuthenticatorSelection.RequireResidentKey ||
		len(options.ExcludeCredentials) != 1 || options.Timeout != 300_000 || len(options.Challenge) < 43 || options.Attestation != "none" {
		t.Errorf("the options are %s", begun.Options)
	}
	// Windows Hello makes RS256, and some password managers read numbers alone.
	algs := map[float64]bool{}
	for _, p := range options.PubKeyCredParams {
		alg, _ := p.Alg.(float64)
		algs[alg] = p.Type == "public-key"
	}
	if len(algs) != 3 || !algs[-7] || !algs[-8] || !algs[-257] {
		t.Errorf("the algorithms are %v", options.PubKeyCredParams)
	}
	if _, err := session([]byte(`{"v":2}`)); err == nil {
		t.Error("state of another version was read")
	}
}

// What find answers is what FinishSignIn answers: a store that is down is no wrong
// passkey.
func TestAFailureOfTheStoreIsPassedOn(t *testing.T) {
	down := errors.New("the store is down")
	v := vectors(t)[0]
	_, err := Engine{}.FinishSignIn(exampleOrg, stateOf(t, b64(t, v.Authentication.Challenge)), v.held(t, []byte("x")), func([]byte) (admit.PasskeyCredential, error) {
		return admit.PasskeyCredential{}, down
	})
	if !errors.Is(err, down) {
		t.Errorf("answered %v", err)
	}
}

func TestScriptIsServed(t *testing.T) {
	w := httptest.NewRecorder()
	ScriptHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/passkey.js", nil))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") || !bytes.Equal(w.Body.Bytes(), Script()) {
		t.Errorf("answered %d %s", w.Code, w.Header())
	}
	if !strings.Contains(w.Body.String(), "export class Passkeys") || strings.Contains(w.Body.String(), "instanceof PublicKeyCredential") {
		t.Error("the script is not the module, or asks for classes")
	}
}

// FuzzAnswers gives both ceremonies whatever a client could send: they answer an
// error or a right result, and never panic.
func FuzzAnswers(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.made(f))
		f.Add(v.held(f, []byte("somebody")))
	}
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA"}}`))
	list := vectors(f)
	state := stateOf(f, b64(f, list[0].Registration.Challenge))
	f.Fuzz(func(t *testing.T, answer []byte) {
		_, _ = Engine{}.FinishRegistration(exampleOrg, state, answer)
		_, _ = Engine{}.FinishSignIn(exampleOrg, state, answer, func(id []byte) (admit.PasskeyCredential, error) {
			return admit.PasskeyCredential{ID: id, UserHandle: []byte("somebody"), PublicKey: []byte{0xa0}}, nil
		})
	})
}

// FuzzParts changes what stands inside an answer that is well-formed outside:
// client data, attestation object, authenticator data, signature and key.
func FuzzParts(f *testing.F) {
	for _, v := range vectors(f) {
		raw := func(text string) []byte {
			data, _ := hex.DecodeString(text)
			return data
		}
		f.Add(raw(v.Registration.ClientDataJSON), raw(v.Registration.AttestationObject), raw(v.Authentication.AuthenticatorData), raw(v.Authentication.Signature), []byte{0xa0})
	}
	f.Fuzz(func(t *testing.T, clientData, attestation, authData, signature, key []byte) {
		spell := base64.RawURLEncoding.EncodeToString
		var client struct{ Challenge string }
		_ = json.Unmarshal(clientData, &client)
		state := stateOf(t, client.Challenge)
		made, err := json.Marshal(map[string]any{"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": map[string]any{
			"clientDataJSON": spell(clientData), "attestationObject": spell(attestation),
		}})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = Engine{}.FinishRegistration(exampleOrg, state, made)
		held, err := json.Marshal(map[string]any{"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": map[string]any{
			"clientDataJSON": spell(bytes.Replace(clientData, []byte("webauthn.create"), []byte("webauthn.get"), 1)), "authenticatorData": spell(authData),
			"signature": spell(signature), "userHandle": "AA",
		}})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = Engine{}.FinishSignIn(exampleOrg, state, held, func(id []byte) (admit.PasskeyCredential, error) {
			return admit.PasskeyCredential{ID: id, UserHandle: []byte{0}, PublicKey: key}, nil
		})
		_ = checkKey(key)
	})
}

// A host without passkeys links nothing of WebAuthn: the packages that package
// admit needs are the standard library's, its own and those of the modules that it needs itself.
func TestAHostWithoutPasskeysLinksNoneOfIt(t *testing.T) {
	list := func(pattern string) []string {
		t.Helper()
		command := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.Module.Path}}{{end}}", pattern)
		command.Env = append(os.Environ(), "GOFLAGS=") // flags of the test are none of the list
		text, err := command.Output()
		if err != nil {
			t.Fatalf("go list %s: %v", pattern, err)
		}
		return strings.Fields(string(text))
	}
	modules := map[string]bool{}
	for _, module := range list("github.com/admit-go/admit") {
		modules[module] = true
	}
	allowed := []string{
		"github.com/admit-go/admit", "github.com/go-json-experiment/json", "github.com/golang-jwt/jwt/v5",
		"github.com/pquerna/otp", "github.com/boombuler/barcode",
		"golang.org/x/crypto", "golang.org/x/net", "golang.org/x/text", "golang.org/x/sys",
	}
	for _, module := range allowed {
		delete(modules, module)
	}
	for module := range modules {
		t.Errorf("package admit links %s", module)
	}
	found := false
	for _, module := range list("github.com/admit-go/admit/passkey") {
		found = found || module == "github.com/go-webauthn/webauthn"
	}
	if !found {
		t.Error("package passkey does not link go-webauthn: this test looks at nothing")
	}
}

// An RSA key costs its owner nothing to make large, and the site much to check.
func TestKeysThatCostTooMuchAreRefused(t *testing.T) {
	for bits, taken := range map[int]bool{1024: false, 2040: false, 2048: true, 4096: true, 8192: true, 8200: false, 32768: false} {
		key, err := webauthncbor.Marshal(map[int]any{1: 3, 3: -257, -1: bytes.Repeat([]byte{0xff}, bits/8), -2: []byte{1, 0, 1}})
		if err != nil {
			t.Fatal(err)
		}
		if err := checkKey(key); (err == nil) != taken {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}
