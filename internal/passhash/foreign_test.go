package passhash

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// vector is a hash made by the original's own code, or published with it.
type vector struct {
	Maker, Password, Encoded string
	Firebase                 *struct {
		FirebaseProject
		Salt, Hash string
	}
	Keycloak *struct{ CredentialData, SecretData string }
}

func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for i, v := range all {
		switch {
		case v.Firebase != nil:
			all[i].Encoded, err = FromFirebase(v.Firebase.FirebaseProject, v.Firebase.Salt, v.Firebase.Hash)
		case v.Keycloak != nil:
			all[i].Encoded, err = FromKeycloak(v.Keycloak.CredentialData, v.Keycloak.SecretData)
		}
		if err != nil {
			t.Fatalf("%s: %v", v.Maker, err)
		}
	}
	return all
}

// AC-024: what bcrypt cannot see does not get in.
func TestAC024_BcryptNeverSeesAPartOfAPassword(t *testing.T) {
	// Python's bcrypt 3.2.2 made it of the first password below.
	const encoded = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.XxrQqgBi/5Sxuq9soXzDtjIZ7w5pMfK"
	h := New(InsecureParams(), Limits{})
	for name, c := range map[string]struct {
		password string
		want     bool
	}{
		"72 bytes":                 {strings.Repeat("0123456789", 7) + "01", true},
		"the same and one more":    {strings.Repeat("0123456789", 7) + "012", false},
		"the same and another end": {strings.Repeat("0123456789", 7) + "01" + strings.Repeat("x", 28), false},
		"71 bytes":                 {strings.Repeat("0123456789", 7) + "0", false},
	} {
		before := h.Runs()
		if ok, _, err := h.Verify(context.Background(), "", encoded, c.password); ok != c.want || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
		if h.Runs() != before+1 {
			t.Errorf("%s: not one derivation", name)
		}
	}
}

func TestStringsThatAreDamagedOrAskTooMuchAreRefused(t *testing.T) {
	const salt, key = "c2l4dGVlbiBieXRlcyBvaw", "n+fXTNXDiWhpvGt4I15ZsFRZjidPgo5KbWdwv5dhCsU"
	const bcryptTail = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
	tail := "$" + salt + "$" + key
	refused := []string{
		"", "x", "$", "$$$$$", "password", "5f4dcc3b5aa765d61d8327deb882cf99", "{SSHA}abc", "md5$a$b", "sha1$a$b", "!", "$1$salt$hash", "$6$salt$hash",
		"$argon2id$", "$argon2id$v=19$m=256,t=2,p=1", "$argon2d$v=19$m=256,t=2,p=1" + tail, "$argon2id$v=16$m=256,t=2,p=1" + tail,
		"$argon2id$m=256,t=2,p=1" + tail, "$argon2id$v=19$t=2,m=256,p=1" + tail, "$argon2id$v=19$m=256,t=2" + tail, "$argon2id$v=19$m=256,t=2,p=1,x=1" + tail,
		"$argon2id$v=19$m=256,t=0,p=1" + tail, "$argon2id$v=19$m=256,t=2,p=0" + tail, "$argon2id$v=19$m=7,t=2,p=1" + tail,
		"$argon2id$v=19$m=256,t=2,p=256" + tail, "$argon2id$v=19$m=256,t=+2,p=1" + tail, "$argon2id$v=19$m=0256,t=2,p=1" + tail,
		"$argon2id$v=19$m=-1,t=2,p=1" + tail, "$argon2id$v=19$m=1e3,t=2,p=1" + tail, "$argon2id$v=19$m=,t=2,p=1" + tail,
		"$argon2id$v=19$m=256,t=2,p=1$$" + key, "$argon2id$v=19$m=256,t=2,p=1$" + salt + "$", "$argon2id$v=19$m=256,t=2,p=1$" + salt + "$c2hvcnQ",
		"$argon2id$v=19$m=256,t=2,p=1$" + salt + "!$" + key, "$argon2id$v=19$m=256,t=2,p=1$" + salt + "$" + key + "$", "$argon2id$v=19$m=256,t=2,p=1$" + salt + "\n$" + key,
		"$argon2id$v=19$m=262145,t=1,p=1" + tail, "$argon2id$v=19$m=262144,t=9,p=1" + tail, "$argon2id$v=19$m=64,t=2147483647,p=1" + tail,
		"$argon2id$v=19$m=4294967295,t=4294967295,p=1" + tail, "argon2$", "argon2$argon2d$v=19$m=256,t=2,p=1" + tail,
		"$2a$", "$2x$05$" + bcryptTail, "$2$05$" + bcryptTail, "$2b$03$" + bcryptTail, "$2b$16$" + bcryptTail, "$2b$31$" + bcryptTail, "$2b$99$" + bcryptTail,
		"$2b$+5$" + bcryptTail, "$2b$05x" + bcryptTail, "$2b$05$" + bcryptTail + "x", "$2b$05$" + bcryptTail[1:] + "!", "bcrypt$x", "bcrypt_sha256$x",
		"bcrypt_sha256$$2b$31$" + bcryptTail, "$scrypt$ln=9,r=8,p=1", "$scrypt$ln=0,r=8,p=1" + tail, "$scrypt$ln=31,r=8,p=1" + tail, "$scrypt$ln=9,r=0,p=1" + tail,
		"$scrypt$ln=9,r=8,p=0" + tail, "$scrypt$ln=20,r=8,p=16" + tail, "$scrypt$ln=9,r=2147483647,p=2147483647" + tail, "$scrypt$ln=22,r=8,p=1" + tail, "$scrypt$ln=17,r=8,p=8" + tail, "$scrypt$ln=19,r=8,p=1" + tail,
		"scrypt$16384$seasalt$8$1", "scrypt$16383$seasalt$8$1$" + key, "scrypt$16384$$8$1$" + key, "scrypt$2147483647$s$8$1$" + key, "scrypt$1$s$8$1$" + key,
		"$pbkdf2-sha256$2000", "$pbkdf2-sha256$0" + tail, "$pbkdf2-sha256$6000001" + tail, "$pbkdf2-sha512$2000001" + tail, "$pbkdf2-sha256$-1" + tail, "$pbkdf2-sha384$2000" + tail,
		"$pbkdf2$3000001" + tail, "pbkdf2_sha256$2000$$" + key, "pbkdf2_sha256$2000$salt$c2hvcnQ", "pbkdf2_sha256$2000$salt", "pbkdf2_md5$2000$salt$" + key, "pbkdf2_sha256$2000$" + strings.Repeat("s", maxStored) + "$" + key,
		"$fbscrypt$", "$fbscrypt$v=1,n=14,r=8,p=1" + tail, "$fbscrypt$v=2,n=9,r=8,p=1,sk=" + key + tail, "$fbscrypt$v=1,n=40,r=8,p=1,sk=" + key + tail,
		"$fbscrypt$v=1,n=25,r=8,p=1,sk=" + key + tail, "$fbscrypt$v=1,n=9,r=8,p=1,sk=" + salt + tail, "$fbscrypt$v=1,n=9,r=8,p=1,ss=!,sk=" + key + tail,
		"$fbscrypt$v=1,n=9,r=8,p=1,sk=" + key + "$$" + key, ":", "aa:bb", "zz:" + strings.Repeat("ab", 64), strings.Repeat("ab", 16) + ":" + strings.Repeat("ab", 63),
		strings.Repeat("ab", 16) + ":" + strings.Repeat("zz", 64), strings.Repeat("ab", 65) + ":" + strings.Repeat("ab", 64), strings.Repeat("$", 1<<20), strings.Repeat(":", 1<<20),
	}
	h := New(InsecureParams(), Limits{})
	start := time.Now()
	for _, encoded := range refused {
		if err := Recognise(encoded); !errors.Is(err, ErrUnrecognised) {
			t.Errorf("%.80q: %v", encoded, err)
			continue
		}
		before := h.Runs()
		if ok, upgrade, err := h.Verify(context.Background(), "", encoded, "password"); ok || upgrade || !errors.Is(err, ErrUnrecognised) {
			t.Errorf("%.80q verifies: %v, %v, %v", encoded, ok, upgrade, err)
		}
		if h.Runs() != before+1 {
			t.Errorf("%.80q: %d derivations", encoded, h.Runs()-before)
		}
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("refusing took %v: one of the strings was obeyed", took)
	}
}

func TestConvertingRefusesWhatItCannotCarry(t *testing.T) {
	const secret = `{"value":"n+fXTNXDiWhpvGt4I15ZsFRZjidPgo5KbWdwv5dhCsU=","salt":"c2l4dGVlbiBieXRlcyBvaw=="}`
	for _, c := range [][2]string{
		{"", ""}, {"{}", "{}"}, {"[]", secret}, {`{"algorithm":"pbkdf2-sha256","hashIterations":2000}`, "{"},
		{`{"algorithm":"pbkdf2-sha256","hashIterations":0}`, secret}, {`{"algorithm":"pbkdf2-sha256","hashIterations":99999999}`, secret},
		{`{"algorithm":"md5","hashIterations":1}`, secret}, {`{"algorithm":"argon2","hashIterations":5}`, secret},
		{`{"algorithm":"argon2","hashIterations":5,"additionalParameters":{"version":["1.0"],"type":["id"],"memory":["7168"],"parallelism":["1"]}}`, secret},
		{`{"algorithm":"argon2","hashIterations":5,"additionalParameters":{"version":["1.3"],"type":["d"],"memory":["7168"],"parallelism":["1"]}}`, secret},
		{`{"algorithm":"argon2","hashIterations":5,"additionalParameters":{"version":["1.3"],"type":["id"],"memory":["1,t=1"],"parallelism":["1"]}}`, secret},
		{`{"algorithm":"pbkdf2-sha256","hashIterations":2000}`, `{"value":"!","salt":"c2l4dGVlbiBieXRlcyBvaw=="}`},
		{`{"algorithm":"pbkdf2-sha256","hashIterations":2000}`, `{"value":"c2hvcnQ=","salt":"c2l4dGVlbiBieXRlcyBvaw=="}`},
	} {
		if encoded, err := FromKeycloak(c[0], c[1]); !errors.Is(err, ErrUnrecognised) {
			t.Errorf("Keycloak %s, %s: %q, %v", c[0], c[1], encoded, err)
		}
	}
	for _, project := range []FirebaseProject{{}, {SignerKey: "!", MemoryCost: 14, Rounds: 8}, {SignerKey: "AAAA", MemoryCost: 14, Rounds: 8}, {SignerKey: "AAAA", MemoryCost: -1, Rounds: 8}} {
		if encoded, err := FromFirebase(project, "AAAA", "AAAA"); !errors.Is(err, ErrUnrecognised) {
			t.Errorf("Firebase %+v: %q, %v", project, encoded, err)
		}
	}
}

func FuzzRecognise(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.Encoded)
	}
	f.Add("$argon2id$v=19$m=262144,t=8,p=255$c2l4dGVlbiBieXRlcyBvaw$n+fXTNXDiWhpvGt4I15ZsFRZjidPgo5KbWdwv5dhCsU")
	f.Fuzz(func(t *testing.T, encoded string) {
		parsed, err := parse(encoded, Params{}.withDefaults())
		if err != nil {
			if !errors.Is(err, ErrUnrecognised) || parsed.matches != nil {
				t.Errorf("%q: %v", encoded, err)
			}
			return
		}
		if parsed.matches == nil || len(encoded) > maxStored {
			t.Errorf("%q is taken", encoded)
		}
	})
}

// Whatever is recognised runs without a panic, and fits what it promises to cost.
func FuzzCheapStringsRun(f *testing.F) {
	for _, v := range vectors(f) {
		if v.Firebase == nil && !strings.Contains(v.Maker, "published") && !strings.Contains(v.Maker, "better-auth") && !strings.Contains(v.Maker, "Spring Security 5") {
			f.Add(v.Encoded, v.Password) // the others take long each time
		}
	}
	f.Fuzz(func(t *testing.T, encoded, password string) {
		if parsed, err := parse(encoded, InsecureParams()); err == nil {
			start := time.Now()
			parsed.matches(password)
			if took := time.Since(start); took > 2*time.Minute {
				t.Errorf("%q took %v", encoded, took)
			}
		}
	})
}

func FuzzFromKeycloak(f *testing.F) {
	for _, v := range vectors(f) {
		if v.Keycloak != nil {
			f.Add(v.Keycloak.CredentialData, v.Keycloak.SecretData)
		}
	}
	f.Fuzz(func(t *testing.T, credentialData, secretData string) {
		if encoded, err := FromKeycloak(credentialData, secretData); err == nil && Recognise(encoded) != nil {
			t.Errorf("%q is given out, but not recognised", encoded)
		}
	})
}
