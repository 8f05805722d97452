package admit

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
)

// MF-04: a setup that waits to be confirmed is offered nowhere.
func TestMF04_ASetupThatWaitsIsNoFactor(t *testing.T) {
	waits, counts := Factor{Type: FactorTOTP}, Factor{Type: FactorTOTP, ConfirmedAt: time.Unix(1, 0), RecoveryCodesLeft: 1}
	if methods := methodsOf([]Factor{waits}, "pwd"); methods != nil {
		t.Errorf("a setup that waits offers %v", methods)
	}
	if methods := methodsOf([]Factor{waits, counts, counts}, "pwd"); !slices.Equal(methods, []string{FactorTOTP, FactorRecoveryCode}) {
		t.Errorf("a factor offers %v", methods)
	}
	counts.RecoveryCodesLeft = 0
	if methods := methodsOf([]Factor{counts}, "pwd"); !slices.Equal(methods, []string{FactorTOTP}) {
		t.Errorf("a factor without recovery codes offers %v", methods)
	}
}

// Two hosts in one process have users who are strangers to each other.
func TestAnotherHostsSessionProvesNothing(t *testing.T) {
	p := newPausing(t)
	user := p.user(t)
	ctx := context.WithValue(t.Context(), callerKey{}, &caller{by: &machinery{}, signedIn: true, user: store.User{ID: user.ID}})
	if err := p.Reauthentication.Prove(ctx, ReauthenticateParams{Password: "quiet harbour lamp"}); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("the session of another host answered %v", err)
	}
	if _, err := p.MFA.Enable(ctx, EnableMFAParams{UserID: user.ID, Password: ""}); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("setting up without the password answered %v", err)
	}
	if err := p.store.DeletePassword(ctx, tenant, user.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := p.MFA.Enable(ctx, EnableMFAParams{UserID: user.ID}); !errors.Is(err, ErrReauthenticationRequired) {
		t.Errorf("the session of another host set a factor up: %v", err)
	}
}

// A record of a later version is not misread, and neither is junk.
func TestARecordThatIsNotUnderstoodIsRefused(t *testing.T) {
	for _, data := range []string{`{"v":2,"type":"totp"}`, `{}`, `junk`, ``} {
		if _, err := readFactor(store.Record{ID: "f", Data: []byte(data)}); !errors.Is(err, ErrInternal) {
			t.Errorf("%q gave %v", data, err)
		}
	}
	if _, err := readRemembered(store.Record{ID: "d", Data: []byte("junk")}); !errors.Is(err, ErrInternal) {
		t.Errorf("junk gave %v", err)
	}
}

// MF-06: recovery codes have 80 random bits, and each is read as it is shown.
func TestMF06_RecoveryCodesAreReadAsTheyAreTyped(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		codes, err := newRecoveryCodes()
		if err != nil || len(codes) != recoveryCodes {
			t.Fatalf("%d codes, %v", len(codes), err)
		}
		for _, code := range codes {
			clean, ok := cleanRecoveryCode(code)
			if !ok || clean != strings.ReplaceAll(code, "-", "") || len(clean)*5 < 64 || seen[clean] {
				t.Fatalf("the code %q is read as %q", code, clean)
			}
			seen[clean] = true
		}
	}
	for typed, want := range map[string]string{
		"ABCD-EFGH-JKMN-PQRS":       "abcdefghjkmnpqrs",
		"abcd efgh\njkmn\u200bpqrs": "abcdefghjkmnpqrs",
		"O0Ii-Ll11-0000-0000":       "0011111100000000",
		"ａｂｃｄ－ｅｆｇｈ－ｊｋｍｎ－ｐｑｒｓ":                            "abcdefghjkmnpqrs",
		"• \"abcd‐efgh−jkmn·pqrs\",":                     "abcdefghjkmnpqrs",
		"٠١٢٣-۴۵۶۷-8９०१-abcd\ufe0f":                      "012345678901abcd",
		"`abcd_efgh.jkmn/pqrs`":                          "abcdefghjkmnpqrs",
		"abcd+efgh=jkmn<pqrs":                            "",
		"abcd-efgh-jkmn-pqr":                             "",
		"abcd-efgh-jkmn-pqrs-t":                          "",
		"abcd-efgh-jkmn-pqru":                            "",
		"ábcd-efgh-jkmn-pqrs":                            "",
		strings.Repeat(" ", 300):                         "",
		"abcd-efgh-jkmn-pqrs" + strings.Repeat("x", 300): "",
	} {
		if got, ok := cleanRecoveryCode(typed); ok != (want != "") || ok && got != want {
			t.Errorf("%q is read as %q, %v, want %q", typed, got, ok, want)
		}
	}
}

// Whatever is typed is a code of an app, a recovery code, or neither, and a code
// that is read is read the same again.
func FuzzFactorCode(f *testing.F) {
	for _, seed := range []string{"123456", "１２３ ４５６", "12-34-56", "k3v9-0000-zzzz-1111", "", "\x00", "\xff", "O0Ii-Ll11-0000-0000", "٠١٢٣٤٥"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code, err := readFactorCode(typed)
		if err != nil {
			if !errors.Is(err, ErrInvalidMFACode) || code != (factorCode{}) {
				t.Errorf("%q gave %v with %v", typed, code, err)
			}
			return
		}
		if (code.app == "") == (code.recovery == "") || code.app != "" && len(code.app) != 6 || code.recovery != "" && len(code.recovery) != recoveryLength {
			t.Errorf("%q is read as %v", typed, code)
		}
		if again, err := readFactorCode(code.app + code.recovery); err != nil || again != code {
			t.Errorf("%v is read as %v, %v", code, again, err)
		}
	})
}
