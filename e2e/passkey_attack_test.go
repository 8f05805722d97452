package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

// AC-153, PK-01: a challenge works once, in its time, for its purpose, for whom it
// was made.
func TestAC153_AChallengeWorksOnceForItsPurpose(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p, q := verified(s, "a@x.test"), verified(s, "b@x.test")
		d, e := harness.NewDevice(t), harness.NewDevice(t)
		s.AddPasskey(p, d).Want(201)

		// Used again.
		registration := s.BeginPasskey(p.Access, harness.J{}).Want(200)
		made := e.Register(registration)
		s.FinishPasskey(p.Access, registration, made).Want(201)
		s.FinishPasskey(p.Access, registration, made).Want(400, "auth/invalid-passkey")
		options := s.PasskeyOptions(harness.J{}).Want(200)
		held := d.Assert(options)
		s.PasskeySignIn(options, held).Want(200)
		s.PasskeySignIn(options, held).Want(401, "auth/invalid-passkey")

		// Of the other ceremony.
		registration = s.BeginPasskey(p.Access, harness.J{}).Want(200)
		options = s.PasskeyOptions(harness.J{}).Want(200)
		s.PasskeySignIn(registration, d.Assert(registration)).Want(401, "auth/invalid-passkey")
		s.FinishPasskey(p.Access, options, harness.NewDevice(t).Register(options)).Want(400, "auth/invalid-passkey")

		// Of somebody else, and of another session of the same person.
		again := s.ByPasskey(d).Want(200).Tokens()
		stolen := harness.NewDevice(t)
		for _, access := range []string{q.Access, again.Access} {
			s.FinishPasskey(access, registration, stolen.Register(registration)).Want(400, "auth/invalid-passkey")
		}
		// Of another ceremony of the same purpose.
		other := s.PasskeyOptions(harness.J{}).Want(200)
		s.PasskeySignIn(other, d.Assert(options)).Want(401, "auth/invalid-passkey")

		// Too late, and in the last moment.
		s.Clock.Advance(5*time.Minute - time.Second)
		s.PasskeySignIn(other, d.Assert(other)).Want(200)
		s.Clock.Advance(time.Second)
		s.PasskeySignIn(options, d.Assert(options)).Want(401, "auth/invalid-passkey")
		s.FinishPasskey(p.Access, registration, stolen.Register(registration)).Want(400, "auth/invalid-passkey")

		// A session that has ended registers nothing.
		registration = s.BeginPasskey(again.Access, harness.J{}).Want(200)
		s.SignOut(again.Access).Want(200)
		s.FinishPasskey(again.Access, registration, stolen.Register(registration)).Want(401, "auth/session-expired")
		if n := len(keysOf(s, p.ID)); n != 2 {
			t.Errorf("%d passkeys, want 2", n)
		}
	})
}

// lying are devices that are wrong in one thing.
func lying(change func(d *harness.Device)) func(d *harness.Device) *harness.Device {
	return func(d *harness.Device) *harness.Device {
		liar := *d
		change(&liar)
		return &liar
	}
}

// refused tries each liar at both ceremonies, and then the honest device at the
// same ceremonies: nothing was spent.
func refused(t *testing.T, s *harness.Server, liars map[string]func(d *harness.Device)) {
	t.Helper()
	p := verified(s, "a@x.test")
	d := harness.NewDevice(t)
	s.AddPasskey(p, d).Want(201)
	for name, change := range liars {
		liar := lying(change)
		begun := s.BeginPasskey(p.Access, harness.J{}).Want(200)
		fresh := harness.NewDevice(t)
		if answer := s.FinishPasskey(p.Access, begun, liar(fresh).Register(begun)); answer.Status != 400 || answer.Code() != "auth/invalid-passkey" {
			t.Errorf("%s registered: %d %s", name, answer.Status, answer.Body)
		}
		id := s.FinishPasskey(p.Access, begun, fresh.Register(begun)).Want(201).String("id")
		s.Do("DELETE", "/v1/auth/passkeys/"+id, nil, harness.Bearer(p.Access)).Want(200)
		for _, body := range []harness.J{{}, {"email": "a@x.test"}} {
			options := s.PasskeyOptions(body).Want(200)
			if answer := s.PasskeySignIn(options, liar(d).Assert(options)); answer.Status != 401 || answer.Code() != "auth/invalid-passkey" {
				t.Errorf("%s signed in: %d %s", name, answer.Status, answer.Body)
			}
			s.PasskeySignIn(options, d.Assert(options)).Want(200)
		}
	}
}

// AC-154, PK-02: the page and the domain are compared letter for letter.
func TestAC154_ForeignOriginsAndDomainsAreRefused(t *testing.T) {
	liars := map[string]func(d *harness.Device){}
	for _, origin := range []string{
		"https://app.example:8443", "http://app.example", "https://evil.app.example", "https://app.example.evil.test", "https://evilapp.example",
		"https://example", "null", "", "https://app.example@evil.test", "app.example", "https://app.example.", "android:apk-key-hash:xyz",
	} {
		liars["the origin "+origin] = func(d *harness.Device) { d.Origin = origin }
	}
	for _, id := range []string{"evil.test", "example", "evil.app.example", "https://app.example", "APP.EXAMPLE"} {
		liars["the domain "+id] = func(d *harness.Device) { d.RPID = id }
	}
	liars["a frame of another site"] = func(d *harness.Device) { d.CrossOrigin = true }
	liars["a foreign top"] = func(d *harness.Device) { d.CrossOrigin, d.TopOrigin = true, "https://evil.test" }
	liars["a top without a frame"] = func(d *harness.Device) { d.TopOrigin = "https://evil.test" }
	liars["a frame in this site"] = func(d *harness.Device) { d.CrossOrigin, d.TopOrigin = true, harness.BaseURL }
	for _, kind := range []string{"webauthn.other", "payment.get", "WEBAUTHN.GET", " webauthn.create"} {
		liars["the type "+kind] = func(d *harness.Device) { d.Type = kind }
	}
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) { refused(t, s, liars) }, unlimited)
}

// AC-155, PK-03, PK-04: flags.
func TestAC155_FlagsAreHeldAgainstTheRules(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		refused(t, s, map[string]func(d *harness.Device){
			"nobody present":                     func(d *harness.Device) { d.Present = false },
			"backed up without being able to be": func(d *harness.Device) { d.BackedUp = true },
		})
	}, unlimited)
	verifying := func(c *admit.Config) { c.Passkeys.RequireUserVerification = true }
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		refused(t, s, map[string]func(d *harness.Device){"nobody verified": func(d *harness.Device) { d.Verified = false }})
	}, unlimited, verifying)
	// What a client asks for decides nothing.
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		d := harness.NewDevice(t)
		s.AddPasskey(p, d).Want(201)
		lazy := *d
		lazy.Verified = false
		options := s.Do("POST", "/v1/auth/passkeys/signin/options", `{"userVerification":"discouraged","requireVerification":false}`).Want(200)
		if got := options.Get("publicKey", "userVerification"); got != "required" {
			t.Errorf("verification is %v", got)
		}
		body := fmt.Sprintf(`{"ceremonyId":%q,"credential":%s,"userVerification":"discouraged"}`, options.String("ceremonyId"), mustJSON(t, lazy.Assert(options)))
		s.Do("POST", "/v1/auth/passkeys/signin/verify", body).Want(401, "auth/invalid-passkey")
	}, verifying)
}

// AC-155, PK-04: synced passkeys begin to be backed up one day. None ceases to be
// able to.
func TestAC155_APasskeyMayBeginToBeBackedUpAndNotCease(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		d := harness.NewDevice(t)
		s.AddPasskey(p, d).Want(201)
		// What comes with a wrong signature changes nothing.
		d.Eligible, d.BackedUp = true, true
		options := s.PasskeyOptions(harness.J{}).Want(200)
		forged := harness.NewDevice(t)
		forged.ID, forged.Handle, forged.Eligible, forged.BackedUp = d.ID, d.Handle, true, true
		s.PasskeySignIn(options, forged.Assert(options)).Want(401, "auth/invalid-passkey")
		if n := len(s.Events(p.ID, "passkey.synced")); n != 0 {
			t.Errorf("%d events after a forged answer", n)
		}
		s.PasskeySignIn(options, d.Assert(options)).Want(200)
		if n := len(s.Events(p.ID, "passkey.synced")); n != 1 {
			t.Errorf("%d events when the passkey began to be synced", n)
		}
		if !keysOf(s, p.ID)[0].BackedUp {
			t.Error("the passkey is not backed up")
		}
		d.BackedUp = false // as a device that is the last one
		s.ByPasskey(d).Want(200)
		if keysOf(s, p.ID)[0].BackedUp {
			t.Error("the passkey is still backed up")
		}
		d.Eligible = false
		s.ByPasskey(d).Want(401, "auth/invalid-passkey")
		if n := len(s.Events(p.ID, "passkey.synced")); n != 1 {
			t.Errorf("%d events in the end", n)
		}
	})
}

// AC-157, PK-07: the passkey and the account that it names belong together.
func TestAC157_TheUserHandleMustFit(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p, q := verified(s, "a@x.test"), verified(s, "b@x.test")
		d, e := harness.NewDevice(t), harness.NewDevice(t)
		s.AddPasskey(p, d).Want(201)
		s.AddPasskey(q, e).Want(201)
		for name, handle := range map[string][]byte{"another's": e.Handle, "none": nil, "empty": {}, "a longer one": append(slices.Clone(d.Handle), 0), "a part": d.Handle[:32]} {
			liar := *d
			liar.Handle = handle
			if answer := s.ByPasskey(&liar); answer.Status != 401 || answer.Code() != "auth/invalid-passkey" {
				t.Errorf("the handle %s: %d %s", name, answer.Status, answer.Body)
			}
		}
		s.Eventually("the failures are an event", func() bool {
			events := s.Events("", "signin.failed")
			return len(events) == 1 && strings.Contains(string(events[0].Data), `"method":"passkey"`)
		})
		// Where the browser was told which passkeys to take, the handle may be left out,
		// and the passkey must be one of them.
		options := s.PasskeyOptions(harness.J{"email": "a@x.test"}).Want(200)
		s.PasskeySignIn(options, e.Assert(options)).Want(401, "auth/invalid-passkey")
		quiet := *d
		quiet.Handle = nil
		s.PasskeySignIn(options, quiet.Assert(options)).Want(200)
		options = s.PasskeyOptions(harness.J{"email": "nobody@x.test"}).Want(200)
		s.PasskeySignIn(options, quiet.Assert(options)).Want(401, "auth/invalid-passkey")
		// A passkey that was made since is not one of them either; one that was removed
		// since does not stand in the way of the other.
		second := harness.NewDevice(t)
		id := s.AddPasskey(p, second).Want(201).String("id")
		options = s.PasskeyOptions(harness.J{"email": "a@x.test"}).Want(200)
		s.Do("DELETE", "/v1/auth/passkeys/"+id, nil, harness.Bearer(p.Access)).Want(200)
		s.PasskeySignIn(options, second.Assert(options)).Want(401, "auth/invalid-passkey")
		s.PasskeySignIn(options, d.Assert(options)).Want(200)
	})
}

// AC-158, PK-08: a sign count that does not grow raises an event.
func TestAC158_ASignCountThatFallsRaisesAnEvent(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		d := harness.NewDevice(t)
		d.Count = 7
		s.AddPasskey(p, d).Want(201)
		events := 0
		for _, step := range []struct {
			count  uint32
			raises bool
		}{
			{8, false}, {8, true}, {7, true}, {8, true}, {9, false}, {0, true}, {0, false}, {0, false}, {3, false}, {4_294_967_295, false}, {1, true},
		} {
			d.Count = step.count
			s.ByPasskey(d).Want(200)
			if step.raises {
				events++
			}
			if n := len(s.Events(p.ID, "passkey.count-fell")); n != events {
				t.Fatalf("after the count %d there are %d events, want %d", step.count, n, events)
			}
		}
	})
}

// AC-159, PK-05, PK-11: what is malformed is refused.
func TestAC159_MalformedMessagesAreRefused(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		d := harness.NewDevice(t)
		s.AddPasskey(p, d).Want(201)
		begun := s.BeginPasskey(p.Access, harness.J{}).Want(200)
		fresh := harness.NewDevice(t)
		challenge := begun.String("publicKey", "challenge")
		create := fresh.ClientData("webauthn.create", challenge)
		with := func(cose []byte) []byte { return harness.Attestation(fresh.Attested("app.example", cose)) }
		good := fresh.COSE()
		off := slices.Clone(good)
		off[len(off)-1] ^= 1
		tiny := slices.Concat([]byte{0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x41, 0x01, 0x21, 0x43, 0x01, 0x00, 0x01})
		short := slices.Concat([]byte{0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x58, 0x80}, bytes.Repeat([]byte{0xff}, 128), []byte{0x21, 0x43, 0x01, 0x00, 0x01})
		big := slices.Concat([]byte{0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x59, 0x10, 0x00}, bytes.Repeat([]byte{0xff}, 4096), []byte{0x21, 0x43, 0x01, 0x00, 0x01})
		es384 := bytes.Replace(good, []byte{0x03, 0x26}, []byte{0x03, 0x38, 0x22}, 1)
		long := *fresh
		long.ID = bytes.Repeat([]byte{7}, 1024)
		objects := map[string][]byte{
			"nothing": {}, "no CBOR": []byte("hello"), "an array of 2^32": {0x9a, 0xff, 0xff, 0xff, 0xff}, "a map of 2^64": {0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
			"a deep nest": bytes.Repeat([]byte{0x81}, 20_000), "an endless map": {0xbf, 0x63, 'f', 'm', 't', 0x64, 'n', 'o', 'n', 'e'},
			"endless bytes": slices.Concat([]byte{0xa1, 0x68}, []byte("authData"), []byte{0x5f, 0x41, 0x00}), "a text of 2^31": {0x7a, 0x7f, 0xff, 0xff, 0xff},
			"no key": harness.Attestation(fresh.AuthData("app.example", true)), "no credential": harness.Attestation(fresh.AuthData("app.example", false)),
			"short data": harness.Attestation([]byte{1, 2, 3}), "extra bytes": harness.Attestation(append(fresh.Attested("app.example", good), 0)),
			"trailing CBOR": append(with(good), 0x00), "a point off the curve": with(off), "an RSA key of 1 bit": with(tiny), "an RSA key of 1024 bits": with(short),
			"an RSA key of 32768 bits": with(big), "an algorithm not offered": with(es384), "a key of nothing": with([]byte{0xa0}), "a key cut off": with(good[:40]),
			"an id of 1024 bytes": harness.Attestation(long.Attested("app.example", good)),
			"a longer id than there is": func() []byte {
				data := fresh.Attested("app.example", good)
				binary.BigEndian.PutUint16(data[53:], 60_000)
				return harness.Attestation(data)
			}(),
			"another format": bytes.Replace(with(good), []byte("\x64none"), []byte("\x64nope"), 1),
		}
		for cut := range len(with(good)) {
			if cut%7 == 0 {
				objects[fmt.Sprintf("cut after %d", cut)] = with(good)[:cut]
			}
		}
		for name, object := range objects {
			made := fresh.Made(create, object)
			if name == "an id of 1024 bytes" {
				made = long.Made(create, object)
			}
			if answer := s.FinishPasskey(p.Access, begun, made); answer.Status != 400 || answer.Code() != "auth/invalid-passkey" {
				t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
			}
		}
		// JSON of every shape.
		for _, credential := range []string{
			`null`, `{}`, `[]`, `"x"`, `1`, `{"id":1}`, `{"id":"AA","rawId":"AA","type":"public-key"}`, `{"id":"AA","rawId":"AA","type":"public-key","response":null}`,
			`{"id":"!!","rawId":"!!","type":"public-key","response":{}}`, `{"id":"AA","rawId":"AQ","type":"public-key","response":{}}`,
			`{"id":"AA","rawId":"AA","type":"password","response":{"clientDataJSON":"AA","attestationObject":"AA","authenticatorData":"AA","signature":"AA"}}`,
		} {
			body := fmt.Sprintf(`{"ceremonyId":%q,"credential":%s}`, begun.String("ceremonyId"), credential)
			s.Do("POST", "/v1/auth/passkeys/register/verify", body, harness.Bearer(p.Access)).Want(400, "auth/invalid-passkey")
			options := s.PasskeyOptions(harness.J{}).Want(200)
			s.Do("POST", "/v1/auth/passkeys/signin/verify", fmt.Sprintf(`{"ceremonyId":%q,"credential":%s}`, options.String("ceremonyId"), credential)).Want(401, "auth/invalid-passkey")
		}
		for _, body := range []string{`{}`, `{"ceremonyId":"x"}`, `{"ceremonyId":7}`, `{"credential":{}}`, ``} {
			if answer := s.Do("POST", "/v1/auth/passkeys/signin/verify", body); answer.Status/100 != 4 {
				t.Errorf("%s: %d %s", body, answer.Status, answer.Body)
			}
		}
		s.Do("POST", "/v1/auth/passkeys/register/verify", fmt.Sprintf(`{"ceremonyId":"x","credential":{"id":%q}}`, strings.Repeat("A", 1<<20)), harness.Bearer(p.Access)).Want(413)
		// Signatures and client data.
		options := s.PasskeyOptions(harness.J{}).Want(200)
		held := d.Assert(options)
		response, _ := held["response"].(harness.J)
		for _, field := range slices.Sorted(maps.Keys(response)) {
			for name, change := range map[string]func(raw []byte) []byte{
				"a bit": func(raw []byte) []byte { raw[len(raw)-1] ^= 1; return raw }, "cut": func(raw []byte) []byte { return raw[:len(raw)-1] },
				"more": func(raw []byte) []byte { return append(raw, 0) }, "none": func([]byte) []byte { return nil },
			} {
				text, _ := response[field].(string)
				raw, _ := base64.RawURLEncoding.DecodeString(text)
				changed := maps.Clone(response)
				changed[field] = base64.RawURLEncoding.EncodeToString(change(raw))
				lie := maps.Clone(held)
				lie["response"] = changed
				if answer := s.PasskeySignIn(options, lie); answer.Status != 401 || answer.Code() != "auth/invalid-passkey" {
					t.Errorf("%s of %s: %d %s", name, field, answer.Status, answer.Body)
				}
			}
		}
		// After all that, both ceremonies are good.
		s.PasskeySignIn(options, held).Want(200)
		s.FinishPasskey(p.Access, begun, fresh.Register(begun)).Want(201)
	}, unlimited)
}

// AC-160, PK-10: an account has at most twenty passkeys, however many are made at
// once.
func TestAC160_TheNumberOfPasskeysIsBounded(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		p, other := verified(s, "a@x.test"), s.Process()
		for range 17 {
			s.AddPasskey(p, harness.NewDevice(t)).Want(201)
		}
		const racers = 12
		begun, devices := make([]*harness.Answer, racers), make([]harness.J, racers)
		for i := range racers {
			begun[i] = s.BeginPasskey(p.Access, harness.J{}).Want(200)
		}
		// The first registration ends the other ceremonies, so those that race are
		// made anew after it was their turn to be refused.
		for i := range racers {
			devices[i] = harness.NewDevice(t).Register(begun[i])
		}
		answers := harness.Parallel(racers, func(i int) *harness.Answer {
			at := []*harness.Server{s, other}[i%2]
			for {
				answer := at.FinishPasskey(p.Access, begun[i], devices[i])
				if answer.Status != 400 {
					return answer
				}
				again := at.BeginPasskey(p.Access, harness.J{})
				if again.Status != 200 {
					return again
				}
				begun[i], devices[i] = again, harness.NewDevice(t).Register(again)
			}
		})
		if n := harness.Count(answers); n[201] != 3 || n[403] != racers-3 {
			t.Errorf("the answers are %v", n)
		}
		if n := len(keysOf(s, p.ID)); n != 20 {
			t.Errorf("there are %d passkeys", n)
		}
		s.BeginPasskey(p.Access, harness.J{}).Want(403, "auth/too-many-passkeys")
	}, unlimited)
}

// AC-161, PK-09: options tell nobody who has an account.
func TestAC161_OptionsTellNobodyWhoHasAnAccount(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		holder := verified(s, "holder@x.test")
		s.AddPasskey(holder, harness.NewDevice(t)).Want(201)
		verified(s, "plain@x.test")
		s.SignUp("unproven@x.test")
		s.Ban(verified(s, "banned@x.test").ID)
		shape := func(email string) (string, []string) {
			answer := s.PasskeyOptions(harness.J{"email": email}).Want(200)
			options, _ := answer.Get("publicKey").(map[string]any)
			list, _ := options["allowCredentials"].([]any)
			var ids []string
			keys := map[string]bool{}
			for _, one := range list {
				fields, _ := one.(map[string]any)
				id, _ := fields["id"].(string)
				ids = append(ids, id)
				for name := range fields {
					keys[name] = true
				}
				if raw, err := base64.RawURLEncoding.DecodeString(id); err != nil || len(raw) < 16 {
					t.Errorf("%s: the id %q", email, id)
				}
				if transports, _ := fields["transports"].([]any); len(transports) == 0 {
					t.Errorf("%s: no transports in %v", email, fields)
				}
			}
			return fmt.Sprint(slices.Sorted(maps.Keys(options)), slices.Sorted(maps.Keys(keys))), ids
		}
		want, _ := shape("holder@x.test")
		counts := map[int]bool{}
		for _, email := range []string{"plain@x.test", "unproven@x.test", "banned@x.test", "nobody@x.test", "NOBODY@x.test"} {
			got, ids := shape(email)
			if got != want || len(ids) == 0 {
				t.Errorf("%s: %s, want %s", email, got, want)
			}
			s.Clock.Advance(time.Hour)
			if _, again := shape(email); !slices.Equal(ids, again) {
				t.Errorf("%s: %v, and then %v", email, ids, again)
			}
		}
		_, one := shape("nobody@x.test")
		if _, same := shape(" NoBody@X.test "); !slices.Equal(one, same) {
			t.Error("another spelling of an address has other passkeys")
		}
		seen := map[string]bool{}
		for i := range 50 {
			_, ids := shape(fmt.Sprintf("nobody-%d@x.test", i))
			counts[len(ids)] = true
			for _, id := range ids {
				if seen[id] {
					t.Errorf("two addresses have the passkey %s", id)
				}
				seen[id] = true
			}
		}
		if len(counts) < 2 {
			t.Errorf("all made-up addresses have the same number of passkeys: %v", counts)
		}
		s.PasskeyOptions(harness.J{"email": "no address"}).Want(400, "auth/invalid-email")

		// The answer to one of them tells nothing either: neither of a real passkey nor
		// of a made-up one is said that it is unknown. Of any other one it is.
		unknown := func(id []byte, body harness.J) any {
			d := harness.NewDevice(t)
			d.ID, d.Handle = id, bytes.Repeat([]byte{1}, 64)
			options := s.PasskeyOptions(body).Want(200)
			return s.PasskeySignIn(options, d.Assert(options)).Want(401, "auth/invalid-passkey").Get("error", "details", "unknown")
		}
		raw := func(email string) []byte {
			_, ids := shape(email)
			id, _ := base64.RawURLEncoding.DecodeString(ids[0])
			return id
		}
		for _, email := range []string{"holder@x.test", "nobody@x.test"} {
			for _, body := range []harness.J{{}, {"email": email}} {
				if got := unknown(raw(email), body); got != nil {
					t.Errorf("%s, asked with %v: unknown is %v", email, body, got)
				}
			}
		}
		if got := unknown([]byte("0123456789abcdef"), harness.J{}); got != true {
			t.Errorf("unknown is %v", got)
		}
	}, unlimited)
}

// The budget of ceremonies belongs to the client.
func TestPasskeyCeremoniesAreBoundedByTheClient(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		d := harness.NewDevice(t)
		s.AddPasskey(p, d).Want(201)
		flood := fromClient("203.0.113.7")
		for i := range 601 {
			want := 200
			if i == 600 {
				want = 429
			}
			s.Do("POST", "/v1/auth/passkeys/signin/options", harness.J{}, flood).Want(want)
		}
		s.Do("POST", "/v1/auth/passkeys/signin/verify", harness.J{"ceremonyId": "x", "credential": json.RawMessage(`{}`)}, flood).Want(429, "auth/too-many-requests")
		s.ByPasskey(d).Want(200)
	}, proxied)
}
