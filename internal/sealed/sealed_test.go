package sealed

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func secret(t testing.TB) []byte {
	t.Helper()
	made := make([]byte, 32)
	rand.Read(made)
	return made
}

func ring(t testing.TB, secrets ...[]byte) *Ring {
	t.Helper()
	made, err := New(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestSealedOpensOnlyWhereItBelongs(t *testing.T) {
	r := ring(t, secret(t))
	plain := []byte("JBSWY3DPEHPK3PXP")
	sealed, err := r.Seal("totp", []byte("user-1"), plain)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, plain) {
		t.Fatal("the plain text stands in the sealed value")
	}
	if opened, err := r.Open("totp", []byte("user-1"), sealed); err != nil || !bytes.Equal(opened, plain) {
		t.Fatalf("opening: %q, %v", opened, err)
	}
	elsewhere := []struct{ name, purpose, context string }{
		{"AC-150 another user's row", "totp", "user-2"},
		{"another purpose", "provider token", "user-1"},
		{"no context", "totp", ""},
		{"no purpose", "", "user-1"},
		{"the border moved right", "totpu", "ser-1"},
		{"the border moved left", "tot", "puser-1"},
	}
	for _, c := range elsewhere {
		if opened, err := r.Open(c.purpose, []byte(c.context), sealed); !errors.Is(err, ErrTampered) || opened != nil {
			t.Errorf("%s: %q, %v", c.name, opened, err)
		}
	}
}

// Each purpose has its own keys, so the previous test would pass without the
// additional data. This test would not.
func TestAdditionalDataBindsHeaderPurposeAndContext(t *testing.T) {
	seen := map[string]string{}
	for _, header := range []string{"\x01aaaa", "\x01aaab", "\x02aaaa"} {
		for _, c := range [][2]string{{"a", "bc"}, {"ab", "c"}, {"abc", ""}, {"", "abc"}} {
			data := string(bound([]byte(header), c[0], []byte(c[1])))
			if before, twice := seen[data]; twice {
				t.Errorf("%q and %q are bound to the same data", before, header+"|"+c[0]+"|"+c[1])
			}
			seen[data] = header + "|" + c[0] + "|" + c[1]
		}
	}
}

func TestEveryFlippedBitAndEveryCutIsNoticed(t *testing.T) {
	r := ring(t, secret(t))
	sealed, _ := r.Seal("totp", []byte("user-1"), []byte("0123456789"))
	for i := range sealed {
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << bit
			_, err := r.Open("totp", []byte("user-1"), changed)
			want := ErrTampered
			if 1 <= i && i < headerSize {
				want = ErrUnknownKey
			}
			if !errors.Is(err, want) {
				t.Fatalf("byte %d, bit %d: %v, want %v", i, bit, err, want)
			}
		}
		if _, err := r.Open("totp", []byte("user-1"), sealed[:i]); !errors.Is(err, ErrTampered) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	if _, err := r.Open("totp", []byte("user-1"), append(bytes.Clone(sealed), 0)); !errors.Is(err, ErrTampered) {
		t.Fatalf("one byte more: %v", err)
	}
}

func TestEqualValuesAreSealedDifferently(t *testing.T) {
	r := ring(t, secret(t))
	seen := map[string]bool{}
	for range 1000 {
		sealed, _ := r.Seal("totp", nil, []byte("same"))
		if seen[string(sealed)] {
			t.Fatal("a nonce was used twice")
		}
		seen[string(sealed)] = true
	}
}

func TestRotationAppendsThenMovesToTheFront(t *testing.T) {
	older, newer := secret(t), secret(t)
	before, during, after, done := ring(t, older), ring(t, older, newer), ring(t, newer, older), ring(t, newer)

	sealed, _ := before.Seal("totp", nil, []byte("x"))
	id, mac := before.MAC("refresh", []byte("x"))
	derived, _ := before.Derive("refresh", id, []byte("x"))
	for name, r := range map[string]*Ring{"appended": during, "moved": after} {
		if opened, err := r.Open("totp", nil, sealed); err != nil || string(opened) != "x" {
			t.Errorf("%s: %q, %v", name, opened, err)
		}
		if !r.VerifyMAC("refresh", id, mac[:], []byte("x")) {
			t.Errorf("%s: the MAC of the old secret is refused", name)
		}
		if got, ok := r.Derive("refresh", id, []byte("x")); !ok || got != derived {
			t.Errorf("%s: the old secret derives something else", name)
		}
	}
	if !during.Current(sealed) || after.Current(sealed) {
		t.Error("Current does not tell what is to be sealed again")
	}
	if during.Primary() != before.Primary() || after.Primary() == before.Primary() || after.Primary() != done.Primary() {
		t.Error("the first secret is not the one that seals")
	}
	// A process that has only appended the new secret must read the values of a
	// process that has moved it to the front. This is the reason for the two
	// steps.
	fresh, _ := after.Seal("totp", nil, []byte("y"))
	if opened, err := during.Open("totp", nil, fresh); err != nil || string(opened) != "y" {
		t.Errorf("during a rolling deployment: %q, %v", opened, err)
	}
	if _, err := done.Open("totp", nil, sealed); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("after the old secret is dropped: %v", err)
	}
	if done.VerifyMAC("refresh", id, mac[:], []byte("x")) {
		t.Error("a dropped secret still verifies")
	}
	if got, ok := done.Derive("refresh", id, []byte("x")); ok || got != [32]byte{} {
		t.Error("a dropped secret still derives")
	}
}

func TestMACBindsPurposeAndTheBordersOfParts(t *testing.T) {
	r := ring(t, secret(t))
	id, mac := r.MAC("refresh", []byte("ab"), []byte("c"))
	if id != r.Primary() {
		t.Error("the MAC is not under the first secret")
	}
	if !r.VerifyMAC("refresh", id, mac[:], []byte("ab"), []byte("c")) {
		t.Fatal("the MAC does not verify")
	}
	if r.VerifyMAC("cookie", id, mac[:], []byte("ab"), []byte("c")) {
		t.Error("it verifies for another purpose")
	}
	for _, parts := range [][][]byte{{[]byte("a"), []byte("bc")}, {[]byte("abc")}, {[]byte("ab"), []byte("c"), nil}, {[]byte("ab")}, nil} {
		if r.VerifyMAC("refresh", id, mac[:], parts...) {
			t.Errorf("it verifies for the parts %q", parts)
		}
	}
	for _, wrong := range [][]byte{nil, {}, mac[:31], append(mac[:], 0), make([]byte, 32)} {
		if r.VerifyMAC("refresh", id, wrong, []byte("ab"), []byte("c")) {
			t.Errorf("%x verifies", wrong)
		}
	}
	if r.VerifyMAC("refresh", [4]byte{1, 2, 3, 4}, mac[:], []byte("ab"), []byte("c")) {
		t.Error("it verifies under an unknown key")
	}
}

func TestDerivedValuesAreStableAndUnrelatedToMACs(t *testing.T) {
	shared := secret(t)
	first, second := ring(t, shared), ring(t, shared)
	id, mac := first.MAC("refresh", []byte("r"))
	one, _ := first.Derive("refresh", id, []byte("r"))
	two, _ := second.Derive("refresh", id, []byte("r"))
	if one != two {
		t.Error("two processes derive different successors")
	}
	if one == mac {
		t.Error("a MAC, which is public, is the derived value")
	}
	if other, _ := first.Derive("refresh", id, []byte("s")); other == one {
		t.Error("different parts derive the same value")
	}
}

// The format is a promise to stored data: keys follow RFC 5869.
func TestKeysAreThoseOfHKDF(t *testing.T) {
	shared := secret(t)
	r := ring(t, shared)
	key, err := hkdf.Key(sha256.New, shared, nil, "admit mac refresh", 32)
	if err != nil {
		t.Fatal(err)
	}
	reference := hmac.New(sha256.New, key)
	reference.Write([]byte("\x00\x00\x00\x00\x00\x00\x00\x01x"))
	_, mac := r.MAC("refresh", []byte("x"))
	if !bytes.Equal(mac[:], reference.Sum(nil)) {
		t.Error("the MAC is not HMAC-SHA-256 under the HKDF key")
	}
	id, _ := hkdf.Key(sha256.New, shared, nil, "admit key id", 4)
	primary := r.Primary()
	if !bytes.Equal(id, primary[:]) {
		t.Error("the key id is not that of HKDF")
	}
}

// Values sealed by one release open in every later one.
func TestStoredValuesOfVersionOneOpen(t *testing.T) {
	const keptID = "b4b03c25"
	kept, _ := hex.DecodeString("01b4b03c250b7db1bdc354d19ef3506317fc4a0b94e73abf760bcc38488d2985fd2f90b694")
	r := ring(t, []byte("g7Vw0p3Jq9Xz5Lk2Hn8Tb4Rf6Yd1Mc0S"))
	if got := fmt.Sprintf("%x", r.Primary()); got != keptID {
		t.Errorf("key id %s, want %s", got, keptID)
	}
	if opened, err := r.Open("totp", []byte("user-1"), kept); err != nil || string(opened) != "kept" {
		t.Errorf("opened %q, %v", opened, err)
	}
}

func TestConcurrentUseGivesOneSetOfKeys(t *testing.T) {
	r := ring(t, secret(t))
	var wait sync.WaitGroup
	results := make([][32]byte, 64)
	for i := range results {
		wait.Go(func() {
			for purpose := range 20 {
				_, mac := r.MAC(fmt.Sprint("purpose ", purpose), []byte("x"))
				for b := range mac {
					results[i][b] ^= mac[b]
				}
			}
		})
	}
	wait.Wait()
	for _, result := range results {
		if result != results[0] {
			t.Fatal("two goroutines used different keys")
		}
	}
}

func TestAC101_WeakSecretsAreRefused(t *testing.T) {
	for name, weak := range map[string]string{
		"empty":                 "",
		"five bytes":            "short",
		"31 bytes":              "g7Vw0p3Jq9Xz5Lk2Hn8Tb4Rf6Yd1Mc0",
		"changeme":              "changeme",
		"changeme repeated":     strings.Repeat("changeme", 8),
		"changeme padded":       "changeme-changeme-changeme-0123456789",
		"all zero":              strings.Repeat("\x00", 32),
		"all equal":             strings.Repeat("x", 64),
		"two bytes":             strings.Repeat("ab", 32),
		"seven different":       "aabbccddeeffggabcdefgabdcefggfaebdc",
		"sixteen, twice":        "0f1e2d3c4b5a6978" + "0f1e2d3c4b5a6978",
		"alphabet":              "abcdefghijklmnopqrstuvwxyz0123456789",
		"counting bytes":        string(countingBytes()),
		"counting down":         "zyxwvutsrqponmlkjihgfedcba9876543210",
		"a well-known example":  "this-is-a-very-long-secret-please-change-it",
		"another":               "super-secret-key-that-should-be-at-least-32-characters",
		"a third":               "your-256-bit-secret-your-256-bit-secret!",
		"a fourth":              "INSECURE_DEVELOPMENT_SECRET_0123",
		"a placeholder, filled": "REPLACE_ME_WITH_A_RANDOM_STRING_OF_32_BYTES",
	} {
		r, err := New([][]byte{[]byte(weak)})
		if err == nil || r != nil {
			t.Errorf("%s is taken", name)
			continue
		}
		if len(weak) > 4 && strings.Contains(err.Error(), weak) {
			t.Errorf("%s: the error holds the secret: %v", name, err)
		}
	}
	if _, err := New(nil); err == nil {
		t.Error("no secret at all is taken")
	}
}

func countingBytes() []byte {
	made := make([]byte, 32)
	for i := range made {
		made[i] = byte(i)
	}
	return made
}

func TestRandomSecretsAreTaken(t *testing.T) {
	const hexadecimal, base64 = "0123456789abcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for range 1000 {
		random := make([]byte, 64)
		rand.Read(random)
		text := func(alphabet string, length int) []byte {
			made := make([]byte, length)
			for i := range made {
				made[i] = alphabet[int(random[i])%len(alphabet)]
			}
			return made
		}
		for name, made := range map[string][]byte{
			"32 bytes": random[:32], "64 bytes": random, "32 digits": text(hexadecimal, 32), "64 digits": text(hexadecimal, 64),
			"44 of base64": text(base64, 44), "with a label": append([]byte("admit-secret-"), text(base64, 44)...),
		} {
			if err := check(made); err != nil {
				t.Fatalf("%s: %q: %v", name, made, err)
			}
		}
	}
}

func TestAllProblemsOfSecretsAreNamed(t *testing.T) {
	good := secret(t)
	_, err := New([][]byte{[]byte("short"), good, make([]byte, 40), bytes.Clone(good), []byte("changeme")})
	if err == nil {
		t.Fatal("taken")
	}
	for _, part := range []string{"secret 1: 5 bytes", "secret 3: all its bytes are equal", "secret 4: the same as secret 2", "secret 5: 8 bytes", "reads like an example"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q:\n%v", part, err)
		}
	}
	if strings.Contains(err.Error(), "secret 2:") {
		t.Errorf("the error names what is right:\n%v", err)
	}
}

func TestTheCallerMayClearTheSecret(t *testing.T) {
	mine := secret(t)
	kept, cleared := ring(t, bytes.Clone(mine)), ring(t, mine)
	clear(mine)
	_, want := kept.MAC("refresh", []byte("x"))
	if _, got := cleared.MAC("refresh", []byte("x")); got != want {
		t.Error("keys depend on the caller's slice")
	}
}

func FuzzOpen(f *testing.F) {
	r := ring(f, []byte("g7Vw0p3Jq9Xz5Lk2Hn8Tb4Rf6Yd1Mc0S"))
	valid, _ := r.Seal("totp", []byte("user-1"), []byte("plain"))
	f.Add("totp", []byte("user-1"), valid)
	f.Add("totp", []byte("user-1"), valid[:20])
	f.Add("", []byte{}, []byte{1})
	f.Fuzz(func(t *testing.T, purpose string, context, sealed []byte) {
		if len(purpose) > 2 {
			// The Ring keeps every purpose, and the fuzzer makes too many.
			purpose = "totp"
		}
		plain, err := r.Open(purpose, context, sealed)
		if err == nil && !(purpose == "totp" && string(context) == "user-1" && string(plain) == "plain") {
			t.Errorf("%x opens", sealed)
		}
		again, err := r.Seal(purpose, context, sealed)
		if err != nil {
			t.Fatal(err)
		}
		if opened, err := r.Open(purpose, context, again); err != nil || !bytes.Equal(opened, sealed) {
			t.Errorf("%x does not survive sealing: %v", sealed, err)
		}
	})
}

func BenchmarkVerifyMAC(b *testing.B) {
	r := ring(b, secret(b))
	session, random := [16]byte{1}, [32]byte{2}
	id, mac := r.MAC("refresh", session[:], random[:])
	b.ReportAllocs()
	for b.Loop() {
		if !r.VerifyMAC("refresh", id, mac[:], session[:], random[:]) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkSealAndOpen(b *testing.B) {
	r := ring(b, secret(b))
	context, plain := []byte("user-1"), make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		sealed, _ := r.Seal("totp", context, plain)
		if _, err := r.Open("totp", context, sealed); err != nil {
			b.Fatal(err)
		}
	}
}
