package passhash

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Argon2id strings of other systems look like strings of this package, which
// use the NFC form.
func TestForeignHashesVerifyAsTheirMakerDidWithoutOurNormalisation(t *testing.T) {
	h, ctx := New(InsecureParams(), Limits{}), context.Background()
	decomposed := norm.NFD.String("pässwörd und mehr")
	composed := norm.NFC.String(decomposed)
	// The string of another maker that hashed the decomposed bytes: ours under a
	// password that NFC leaves alone is the same derivation.
	theirs := encode(h.params, []byte("saltsaltsaltsalt"), argon2idOf(h, decomposed))
	stored, err := FromElsewhere(theirs)
	if err != nil || stored == theirs {
		t.Fatalf("not marked: %q, %v", stored, err)
	}
	for password, want := range map[string]bool{decomposed: true, composed: false} {
		if ok, upgrade, err := h.Verify(ctx, "", stored, password); ok != want || upgrade != want || err != nil {
			t.Errorf("%+q: %v, %v, %v; want %v and an upgrade", password, ok, upgrade, err, want)
		}
	}
	own, err := h.Hash(ctx, "", composed)
	if err != nil {
		t.Fatal(err)
	}
	back, err := FromElsewhere(ForElsewhere(own))
	if err != nil || back != own {
		t.Fatalf("our own comes back as %q, %v", back, err)
	}
	for _, password := range []string{composed, decomposed} {
		if ok, _, err := h.Verify(ctx, "", back, password); !ok || err != nil {
			t.Errorf("our own with %+q: %v, %v", password, ok, err)
		}
	}
	if again := ForElsewhere(stored); again != theirs {
		t.Errorf("a foreign string leaves as %q", again)
	}
}

// argon2idOf derives from the password as it is.
func argon2idOf(h *Hasher, password string) []byte {
	return argon2.IDKey([]byte(password), []byte("saltsaltsaltsalt"), h.params.Time, h.params.MemoryKiB, h.params.Threads, keyBytes)
}

func TestWordPressTakesBlanksOffTheEndsAndPHPBBDoesNot(t *testing.T) {
	h, ctx := New(InsecureParams(), Limits{}), context.Background()
	for _, v := range vectors(t) {
		if !strings.HasPrefix(v.Encoded, "$wp") && !strings.HasPrefix(v.Encoded, "$P$") {
			continue
		}
		if ok, _, err := h.Verify(ctx, "", v.Encoded, "\t"+v.Password+" \n"); !ok || err != nil {
			t.Errorf("%s: %q with blanks around: %v, %v", v.Maker, v.Password, ok, err)
		}
	}
}

func TestDamagedForeignStringsAreRefused(t *testing.T) {
	for _, encoded := range []string{
		"", "{", "{}", "{SSHA}", "{SSHA}!!!!", "{SSHA}" + strings.Repeat("A", 20), "{nothing}x", "{noop}secret", "{CRYPT}abcdefghijklm", "{CRYPT}$1$salt$hash",
		"{CRYPT}{CRYPT}$6$x", "{bcrypt}" + strings.Repeat("{bcrypt}", 50), "{pbkdf2}00", "{pbkdf2@SpringSecurity_v5_8}zz", "{scrypt}$a0801$x", "{scrypt}$ffffff$AAAA$AAAA", "{scrypt}$1e0801$AAAA$AAAAAAAAAAAAAAAAAAAAAAAA",
		"$P$", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L", "$P$zIQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "$P$UIQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "$H$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L!",
		"$6$salt", "$6$salt$short", "$6$rounds=10$salt$" + strings.Repeat("a", 86), "$6$rounds=999999999$salt$" + strings.Repeat("a", 86), "$5$seventeen-bytes-x$" + strings.Repeat("a", 43),
		"pbkdf2:sha256:1000$salt", "pbkdf2:md5:1000$salt$" + strings.Repeat("0", 64), "pbkdf2:sha256$salt$" + strings.Repeat("0", 64), "pbkdf2:sha256:99999999$salt$" + strings.Repeat("0", 64),
		"scrypt:32768:8$salt$" + strings.Repeat("0", 128), "scrypt:32767:8:1$salt$" + strings.Repeat("0", 128), "scrypt:4294967296:8:1$salt$00", "s2:short:" + strings.Repeat("0", 128), "s2:", "s2:0123456789abcdef:00",
		"AQAAAAEAACcQAAAAEHheUovUgwiWJ7YO0aLoq2", "AQAAAAEAACcQ/////3heUovUgwiWJ7YO0aLoq2/TvJYEdPiBlNJplaMUaQKQPSu7SHMgf0zsEnhCVijJ0w==",
		"AQAAAAkAACcQAAAAEHheUovUgwiWJ7YO0aLoq2/TvJYEdPiBlNJplaMUaQKQPSu7SHMgf0zsEnhCVijJ0w==", "AQAAAAF/////AAAAEHheUovUgwiWJ7YO0aLoq2/TvJYEdPiBlNJplaMUaQKQPSu7SHMgf0zsEnhCVijJ0w==",
		"$pbkdf2-sha256$i=2000,l=31$QChFKGVsTem9txbi3Fur1Q$wuQ1HwiVLgDkDrf5NyCeQ8vA6o/Csk2vXuDpLUVv1Fk", "$pbkdf2-sha256$i=2000,l=$QChFKGVsTem9txbi3Fur1Q$wuQ1HwiVLgDkDrf5NyCeQ8vA6o/Csk2vXuDpLUVv1Fk",
		"$wp$2y$05$abc", "$wp$2b$05$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO",
	} {
		if err := Recognise(encoded); !errors.Is(err, ErrUnrecognised) {
			t.Errorf("%q: %v", encoded, err)
		}
	}
}

// marked is a host's own format: the password after a sign.
type marked struct{ fails bool }

func (marked) Recognises(stored string) bool { return strings.HasPrefix(stored, "own:") }
func (m marked) Verify(stored, password string) (bool, error) {
	if m.fails {
		return true, errors.New("it fails")
	}
	return stored == "own:"+password, nil
}

func TestVerifierOfAHostChecksWhatIsNotKnownHere(t *testing.T) {
	h, ctx := New(InsecureParams(), Limits{}), context.Background()
	if err := h.Recognise("own:right"); !errors.Is(err, ErrUnrecognised) {
		t.Errorf("without a Verifier: %v", err)
	}
	h.Use(marked{})
	if err := h.Recognise("own:right"); err != nil {
		t.Error(err)
	}
	if stored, err := h.FromElsewhere("own:right"); err != nil || stored != "own:right" {
		t.Errorf("imported as %q, %v", stored, err)
	}
	if stored, err := h.FromElsewhere("md5:right"); err == nil {
		t.Errorf("what nobody recognises is imported as %q", stored)
	}
	for password, want := range map[string]bool{"right": true, "wrong": false} {
		if ok, upgrade, err := h.Verify(ctx, "", "own:right", password); ok != want || upgrade != want || err != nil {
			t.Errorf("%s: %v, %v, %v", password, ok, upgrade, err)
		}
	}
	h.Use(marked{fails: true})
	if ok, _, err := h.Verify(ctx, "", "own:right", "right"); ok || err != nil {
		t.Errorf("a Verifier that fails lets in: %v, %v", ok, err)
	}
	if err := h.Recognise("md5:right"); !errors.Is(err, ErrUnrecognised) {
		t.Errorf("what nobody recognises: %v", err)
	}
}

// FuzzFromElsewhere holds that no string crashes the parser, and that one it takes
// can be verified without a panic, within the limits.
func FuzzFromElsewhere(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.Encoded)
	}
	for _, seed := range []string{"", "$", "{", "{ssha}", "$6$rounds=1000$$", "s2::", "AQAAAA", "pbkdf2:::$$", "$wp$2y$", "$P$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		found, err := parse(encoded, Params{}.withDefaults())
		switch {
		case err != nil && !errors.Is(err, ErrUnrecognised):
			t.Fatalf("%q: %v", encoded, err)
		case err == nil && len(encoded) > maxStored:
			t.Fatalf("%d bytes are taken", len(encoded))
		case err == nil && found.quick:
			found.matches("a password") // what is quick is tried, or the fuzzer would stand still
		}
		stored, err := FromElsewhere(encoded)
		if err == nil && Recognise(stored) != nil {
			t.Fatalf("%q is stored as %q, which is not recognised", encoded, stored)
		}
	})
}
