package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/admit-go/admit/e2e/harness"
)

// The tests of this file try on passkeys what users of other systems reported.

// respell writes every string of bytes of an answer in another way.
func respell(answer harness.J, spell func(raw []byte) string) {
	response, _ := answer["response"].(harness.J)
	for _, members := range []harness.J{answer, response} {
		for name, value := range members {
			text, ok := value.(string)
			if raw, err := base64.RawURLEncoding.DecodeString(text); ok && err == nil && name != "type" {
				members[name] = spell(raw)
			}
		}
	}
}

// member sets a member of the answer; nil is null.
func member(name string, value any) func(harness.J) { return func(a harness.J) { a[name] = value } }

// inResponse sets a member of the response.
func inResponse(name string, value any) func(harness.J) {
	return func(a harness.J) {
		if response, ok := a["response"].(harness.J); ok {
			response[name] = value
		}
	}
}

// Browsers, password managers and apps write one and the same answer in many ways.
func TestFieldAnswersOfEveryClientAreTaken(t *testing.T) {
	all := func(harness.J) bool { return true }
	signsIn := func(a harness.J) bool {
		response, _ := a["response"].(harness.J)
		return response["signature"] != nil
	}
	for name, client := range map[string]struct {
		change func(harness.J)
		when   func(harness.J) bool
	}{
		"padded base64url":              {func(a harness.J) { respell(a, base64.URLEncoding.EncodeToString) }, all},
		"the base64 of Java":            {func(a harness.J) { respell(a, base64.StdEncoding.EncodeToString) }, all},
		"base64 without padding":        {func(a harness.J) { respell(a, base64.RawStdEncoding.EncodeToString) }, all},
		"the attachment is null":        {member("authenticatorAttachment", nil), all},
		"an attachment of tomorrow":     {member("authenticatorAttachment", "wearable"), all},
		"extensions are null":           {member("clientExtensionResults", nil), all},
		"extensions are left out":       {func(a harness.J) { delete(a, "clientExtensionResults") }, all},
		"extensions nobody asked for":   {member("clientExtensionResults", harness.J{"credProps": harness.J{"rk": true}, "prf": harness.J{"enabled": false}, "appid": false, "largeBlob": nil, "vendor": []int{1}}), all},
		"members of tomorrow":           {func(a harness.J) { member("deviceInfo", harness.J{"os": 1})(a); inResponse("other", 1)(a) }, all},
		"transports are null":           {inResponse("transports", nil), all},
		"transports are left out":       {func(a harness.J) { response, _ := a["response"].(harness.J); delete(response, "transports") }, all},
		"transports of tomorrow":        {inResponse("transports", []string{"cable", "smart-card", "brainwave"}), all},
		"toJSON knows no key":           {func(a harness.J) { inResponse("publicKey", nil)(a); inResponse("publicKeyAlgorithm", -7)(a) }, all},
		"Android has no handle":         {inResponse("userHandle", nil), signsIn},
		"a handle that is empty":        {inResponse("userHandle", ""), signsIn},
		"an attestation that is no use": {inResponse("attestationObject", nil), signsIn},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
				p, d := verified(s, "a@x.test"), harness.NewDevice(t)
				changed := func(answer harness.J) harness.J {
					if client.when(answer) {
						client.change(answer)
					}
					return answer
				}
				begun := s.BeginPasskey(p.Access, harness.J{}).Want(200)
				s.FinishPasskey(p.Access, begun, changed(d.Register(begun))).Want(201)
				options := s.PasskeyOptions(harness.J{"email": p.Email}).Want(200)
				s.PasskeySignIn(options, changed(d.Assert(options))).Want(200)
			})
		})
	}
}

// What a browser signs for has other members than those that count, and the data of
// an authenticator may end in extensions.
func TestFieldSignedDataWithMoreInItIsTaken(t *testing.T) {
	extension := slices.Concat([]byte{0xa1, 0x6b}, []byte("credProtect"), []byte{0x02})
	for name, more := range map[string]struct {
		members map[string]any
		without string
		data    []byte
		length  int
	}{
		"Android":                      {members: map[string]any{"androidPackageName": "com.example"}},
		"no crossOrigin":               {without: "crossOrigin"},
		"a key that is to be expected": {members: map[string]any{"other_keys_can_be_added_here": "do not compare clientDataJSON against a template"}},
		"the binding of old browsers":  {members: map[string]any{"tokenBinding": map[string]any{"status": "supported"}, "hashAlgorithm": "SHA-256"}},
		"topOrigin is null":            {members: map[string]any{"topOrigin": nil}},
		"an extension":                 {data: extension},
		"the longest id":               {length: 1023},
		"an id of one byte":            {length: 1},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
				p, d := verified(s, "a@x.test"), harness.NewDevice(t)
				if more.length > 0 {
					d.ID = slices.Repeat([]byte{7}, more.length)
				}
				client := func(kind string, options *harness.Answer) []byte {
					var members map[string]any
					if err := json.Unmarshal(d.ClientData(kind, options.String("publicKey", "challenge")), &members); err != nil {
						t.Fatal(err)
					}
					maps.Copy(members, more.members)
					delete(members, more.without)
					return []byte(mustJSON(t, members))
				}
				extended := func(data []byte) []byte {
					if more.data != nil {
						data[32] |= 0x80
					}
					return append(data, more.data...)
				}
				begun := s.BeginPasskey(p.Access, harness.J{}).Want(200)
				d.Register(begun) // it learns its handle
				s.FinishPasskey(p.Access, begun, d.Made(client("webauthn.create", begun), harness.Attestation(extended(d.Attested("app.example", d.COSE()))))).Want(201)
				options := s.PasskeyOptions(harness.J{}).Want(200)
				s.PasskeySignIn(options, d.Signed(client("webauthn.get", options), extended(d.AuthData("app.example", false)))).Want(200)
			})
		})
	}
}
