package admit

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// asking gives the gate a checkpoint of a name that asks everybody whose proof
// does not stand for two factors.
func (p *pausing) asking(name string) {
	p.checkpoints = []checkpoint{{name: name, ask: func(_ context.Context, _ *txn, _ *store.User, _ proof) (*Error, error) {
		if !p.strict {
			return nil, nil
		}
		return errMoreAsked.detail("methods", []string{"passkey"}), nil
	}}}
}

// byPassword begins a sign-in that pauses, and returns its ticket.
func (p *pausing) byPassword(t *testing.T, user User) string {
	t.Helper()
	_, err := p.Passwords.SignIn(t.Context(), SignInParams{Email: user.Email, Password: "quiet harbour lamp"})
	return paused(t, err)
}

// MF-01: a passkey that verifies its user is two factors, another one is one.
func TestMF01_APasskeyCountsAsItsUserVerificationSays(t *testing.T) {
	p := newPausing(t)
	p.asking(atFactor)
	user := p.user(t)
	k := p.holdPasskey(t, user)
	begun, err := p.Passkeys.BeginSignIn(t.Context(), PasskeySignInParams{})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := p.Passkeys.SignIn(t.Context(), k.answer(t, begun))
	if err != nil || signed.Session.AMR != "hwk user mfa" {
		t.Fatalf("with verification: methods %q, %v", signed.Session.AMR, err)
	}
	k.Flags.UserVerified = false
	ticket := paused(t, k.signIn(t, PasskeySignInParams{}, p.Passkeys.SignIn))
	if list, err := p.Sessions.List(t.Context(), user.ID, PageParams{Number: 1, Limit: 10}); err != nil || list.Total != 1 {
		t.Fatalf("%d sessions, %v", list.Total, err)
	}
	// The same factor once more is no second one.
	if err := k.signIn(t, PasskeySignInParams{MFAToken: ticket}, p.Passkeys.CompleteSignIn); !errors.Is(err, ErrInvalidPasskey) {
		t.Errorf("a passkey without verification completed a sign-in by the same: %v", err)
	}
	p.holdPasskey(t, user)
	if _, err := p.Passkeys.BeginSignIn(t.Context(), PasskeySignInParams{MFAToken: ticket}); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("the ticket outlives a new passkey: %v", err)
	}
	ticket = paused(t, k.signIn(t, PasskeySignInParams{}, p.Passkeys.SignIn))
	k.Flags.UserVerified = true
	if err := k.signIn(t, PasskeySignInParams{MFAToken: ticket}, p.Passkeys.CompleteSignIn); err != nil {
		t.Errorf("a passkey with verification did not complete: %v", err)
	}
}

// A passkey completes a sign-in by password, for its own account, once.
func TestMF01_APasskeyCompletesAPausedSignIn(t *testing.T) {
	p := newPausing(t)
	p.asking(atFactor)
	user := p.user(t)
	k := p.holdPasskey(t, user)
	k.Flags.UserVerified = false // a key that is touched, beside a password
	bob, err := p.Users.Create(t.Context(), CreateUserParams{Email: "bob@example.com", Name: "Bob", InsecurePassword: "quiet harbour lamp", EmailVerified: true})
	if err != nil {
		t.Fatal(err)
	}
	theirs := p.holdPasskey(t, bob)
	ticket := p.byPassword(t, user)
	begun, err := p.Passkeys.BeginSignIn(t.Context(), PasskeySignInParams{MFAToken: ticket})
	if err != nil {
		t.Fatal(err)
	}
	if o := readOptions(t, begun); len(o.Request.Allow) != 1 || o.Request.RequireVerification {
		t.Errorf("the options are %+v", o)
	}
	if _, err := p.Passkeys.CompleteSignIn(t.Context(), theirs.answer(t, begun)); !errors.Is(err, ErrInvalidPasskey) {
		t.Errorf("somebody else's passkey: %v", err)
	}
	if _, err := p.Passkeys.SignIn(t.Context(), k.answer(t, begun)); !errors.Is(err, ErrInvalidPasskey) {
		t.Errorf("the ceremony of a second factor signed in alone: %v", err)
	}
	plain, err := p.Passkeys.BeginSignIn(t.Context(), PasskeySignInParams{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Passkeys.CompleteSignIn(t.Context(), k.answer(t, plain)); !errors.Is(err, ErrInvalidPasskey) {
		t.Errorf("the ceremony of a sign-in completed another: %v", err)
	}
	again, err := p.Passkeys.BeginSignIn(t.Context(), PasskeySignInParams{MFAToken: ticket})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := p.Passkeys.CompleteSignIn(t.Context(), k.answer(t, begun))
	if err != nil || signed.Session.AMR != "pwd hwk user mfa" {
		t.Fatalf("the completion gave methods %q, %v", signed.Session.AMR, err)
	}
	if _, err := p.Passkeys.CompleteSignIn(t.Context(), k.answer(t, again)); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("the ticket was used twice: %v", err)
	}
	// Without a passkey there is nothing to complete with.
	if err := p.Passkeys.Remove(t.Context(), RemovePasskeyParams{UserID: user.ID, ID: k.made.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Passkeys.BeginSignIn(t.Context(), PasskeySignInParams{MFAToken: p.byPassword(t, user)}); !errors.Is(err, ErrInvalidPasskey) {
		t.Errorf("an account without passkeys: %v", err)
	}
}

// A ticket that has died completes nothing, whatever its ceremony.
func TestMF01_ACeremonyDiesWithItsTicket(t *testing.T) {
	for name, cause := range map[string]func(p *pausing, user User) error{
		"time": func(p *pausing, _ User) error { p.advance(ticketLife); return nil },
		"ban": func(p *pausing, user User) error {
			return p.Users.Ban(context.Background(), BanParams{UserID: user.ID})
		},
		"change of password": func(p *pausing, user User) error {
			_, err := p.Passwords.Change(context.Background(), ChangePasswordParams{UserID: user.ID, Current: "quiet harbour lamp", New: "green bicycle tower"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPausing(t)
			p.asking(atFactor)
			user := p.user(t)
			k := p.holdPasskey(t, user)
			ticket := p.byPassword(t, user)
			p.advance(time.Minute)
			begun, err := p.Passkeys.BeginSignIn(t.Context(), PasskeySignInParams{MFAToken: ticket})
			if err != nil {
				t.Fatal(err)
			}
			if err := cause(p, user); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Passkeys.CompleteSignIn(t.Context(), k.answer(t, begun)); err == nil {
				t.Error("the sign-in was completed")
			}
		})
	}
}

// A sign-in that must set up a second factor first registers a passkey with its
// ticket, and ends in tokens. Any other ticket registers nothing.
func TestMF01_OnlyTheTicketOfAnEnrolmentRegistersAPasskey(t *testing.T) {
	p := newPausing(t)
	user := p.user(t)
	p.asking(atFactor)
	other := p.byPassword(t, user)
	if _, err := p.Passkeys.BeginRegistration(t.Context(), BeginPasskeyParams{MFAToken: other}); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("the ticket of a second factor began a registration: %v", err)
	}
	p.asking(atEnrolment)
	ticket := p.byPassword(t, user)
	if _, err := p.Passkeys.BeginSignIn(t.Context(), PasskeySignInParams{MFAToken: ticket}); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("the ticket of an enrolment began a completion: %v", err)
	}
	call := func(path, body string, want int) []byte {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, "/v1/auth/passkeys/register/"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		p.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Fatalf("%s answered %d %s, want %d", path, w.Code, w.Body, want)
		}
		return w.Body.Bytes()
	}
	call("options", `{}`, http.StatusUnauthorized)
	call("options", `{"mfaToken":"`+strings.Repeat("A", 43)+`"}`, http.StatusUnauthorized)
	var begun struct {
		CeremonyID string          `json:"ceremonyId"`
		PublicKey  json.RawMessage `json:"publicKey"`
	}
	if err := json.Unmarshal(call("options", `{"mfaToken":"`+ticket+`"}`, http.StatusOK), &begun); err != nil {
		t.Fatal(err)
	}
	k := p.newPaperKey(t)
	k.Flags.UserVerified = false
	touched := k.answer(t, PasskeyOptions{CeremonyID: begun.CeremonyID, Options: begun.PublicKey})
	call("verify", `{"ceremonyId":"`+begun.CeremonyID+`","credential":`+string(touched.Credential)+`}`, http.StatusBadRequest)
	k.Flags.UserVerified = true
	answer := k.answer(t, PasskeyOptions{CeremonyID: begun.CeremonyID, Options: begun.PublicKey})
	wrong := call("verify", `{"ceremonyId":"`+begun.CeremonyID+`","credential":{}}`, http.StatusBadRequest)
	if strings.Contains(string(wrong), "accessToken") {
		t.Errorf("a wrong answer gave tokens: %s", wrong)
	}
	var made struct {
		ID          string `json:"id"`
		AccessToken string `json:"accessToken"`
	}
	body := `{"ceremonyId":"` + begun.CeremonyID + `","credential":` + string(answer.Credential) + `}`
	if err := json.Unmarshal(call("verify", body, http.StatusCreated), &made); err != nil || made.ID == "" || made.AccessToken == "" {
		t.Fatalf("the enrolment ended in %+v, %v", made, err)
	}
	if _, session, err := p.VerifyToken(t.Context(), made.AccessToken); err != nil || session.AMR != "pwd hwk user mfa" {
		t.Errorf("the session has methods %q, %v", session.AMR, err)
	}
	call("verify", body, http.StatusBadRequest)
}

// SE-07: a passkey is a recent proof of its own account alone.
func TestSE07_APasskeyProvesItsOwnAccountAlone(t *testing.T) {
	p := newPausing(t)
	user := p.user(t)
	k := p.holdPasskey(t, user)
	prove := func(userID string) (methods string, err error) {
		begun, err := p.Passkeys.BeginSignIn(t.Context(), PasskeySignInParams{})
		if err != nil {
			t.Fatal(err)
		}
		h, err := holdsPasskey(t.Context(), p.kernel, k.answer(t, begun), toSignIn)
		if err != nil {
			return "", err
		}
		err = p.tx(t.Context(), func(ctx context.Context, tx *txn) (err error) {
			methods, err = passkeyProves(ctx, tx, h, userID)
			return err
		})
		return methods, err
	}
	if methods, err := prove(user.ID); err != nil || methods != "hwk user mfa" {
		t.Errorf("the owner: %q, %v", methods, err)
	}
	if _, err := prove(p.newID()); !errors.Is(err, ErrInvalidPasskey) {
		t.Errorf("somebody else: %v", err)
	}
	k.Flags.UserVerified = false
	if methods, err := prove(user.ID); err != nil || methods != "hwk user" {
		t.Errorf("without verification: %q, %v", methods, err)
	}
}

// The configuration of passkeys is checked whole.
func TestPasskeyConfigurationIsChecked(t *testing.T) {
	with := func(base string, change func(c *PasskeyConfig)) error {
		c := PasskeyConfig{Engine: paperEngine{}}
		change(&c)
		return c.withDefaults(base).check(base)
	}
	const android = "android:apk-key-hash:-jd8Tqk_R_mSBj6Xwkm_9r08EpyPE8LD22xwEbYIGoA"
	for _, c := range []struct {
		base   string
		change func(c *PasskeyConfig)
		wrong  string
	}{
		{"https://app.example", func(*PasskeyConfig) {}, ""},
		{"http://127.0.0.1:8080", func(*PasskeyConfig) {}, ""},
		{"http://[::1]:8080", func(*PasskeyConfig) {}, ""},
		{"http://localhost:8080", func(*PasskeyConfig) {}, ""},
		{"https://login.app.example", func(c *PasskeyConfig) { c.RPID = "app.example" }, ""},
		{"https://app.example", func(c *PasskeyConfig) { c.Origins = []string{"https://app.example.de", android} }, ""},
		{"https://app.example", func(c *PasskeyConfig) { c.RPID = "other.example" }, "RPID"},
		{"https://app.example", func(c *PasskeyConfig) { c.RPID = "pp.example" }, "RPID"},
		{"https://app.example", func(c *PasskeyConfig) { c.RPID = "https://app.example" }, "RPID"},
		{"https://app.example", func(c *PasskeyConfig) { c.RPID = "App.example" }, "RPID"},
		{"https://app.example", func(c *PasskeyConfig) { c.RPID = "example" }, "RPID"}, // nobody can register it, and browsers refuse it
		{"https://intranet", func(*PasskeyConfig) {}, ""},
		{"https://bücher.example", func(*PasskeyConfig) {}, ""},
		{"https://login.bücher.example", func(c *PasskeyConfig) { c.RPID = "bücher.example" }, "xn--bcher-kva.example"},
		{"https://app.example", func(c *PasskeyConfig) { c.Origins = []string{android + "="} }, "base64url"},
		{"https://app.example", func(c *PasskeyConfig) { c.Origins = []string{"android:apk-key-hash:AD:C6:2C:B4"} }, "base64url"},
		{"https://app.example", func(c *PasskeyConfig) { c.Origins = []string{strings.Replace(android, "_", "/", 1)} }, "base64url"},
		{"https://192.0.2.1", func(*PasskeyConfig) {}, "RPID"},
		{"https://app.example", func(c *PasskeyConfig) { c.Origins = []string{"https://x.example/", "https://y.example:443"} }, "x.example"},
		{"https://app.example", func(c *PasskeyConfig) { c.Engine = nil; c.Origins = []string{"https://x.example"} }, "Engine"},
	} {
		err := with(c.base, c.change)
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %v, want %q", c.base, err, c.wrong)
		}
	}
	if got := (PasskeyConfig{Engine: paperEngine{}}).withDefaults("https://Bücher.example").RPID; got != "xn--bcher-kva.example" {
		t.Errorf("passkeys belong to %q", got) // as browsers write it
	}
	for base, want := range map[string]string{
		"https://app.example": "https://app.example", "https://App.example:443": "https://app.example", "http://127.0.0.1:8080": "http://localhost:8080",
		"http://127.0.0.1": "http://localhost", "http://[::1]:81": "http://localhost:81", "https://app.example/tools": "https://app.example",
		"https://Bücher.example": "https://xn--bcher-kva.example",
	} {
		if got := passkeySite(&Config{BaseURL: base}).Origins[0]; got != want {
			t.Errorf("the origin of %s is %s, want %s", base, got, want)
		}
	}
}

// PK-03, PK-04, PK-06: the rules hold whatever an engine lets pass.
func TestPK03_TheRulesHoldWhateverTheEngineSays(t *testing.T) {
	type flags = PasskeyFlags
	p := newPausing(t)
	p.strict = false
	user := p.user(t)
	k := p.holdPasskey(t, user)
	for name, wrong := range map[string]flags{
		"nobody present": {UserVerified: true}, "backed up without being able to be": {UserPresent: true, BackedUp: true},
	} {
		k.Flags = wrong
		if err := k.signIn(t, PasskeySignInParams{}, p.Passkeys.SignIn); !errors.Is(err, ErrInvalidPasskey) {
			t.Errorf("%s signed in: %v", name, err)
		}
		other := p.newPaperKey(t)
		other.Flags = wrong
		if _, err := other.register(t, BeginPasskeyParams{UserID: user.ID}); !errors.Is(err, ErrInvalidPasskey) || asError(err).Status != http.StatusBadRequest {
			t.Errorf("%s registered: %v", name, err)
		}
	}
	p.config.Passkeys.RequireUserVerification = true
	k.Flags = flags{UserPresent: true}
	if err := k.signIn(t, PasskeySignInParams{}, p.Passkeys.SignIn); !errors.Is(err, ErrInvalidPasskey) {
		t.Errorf("nobody verified signed in: %v", err)
	}
	other := p.newPaperKey(t)
	other.Flags = flags{UserPresent: true}
	if _, err := other.register(t, BeginPasskeyParams{UserID: user.ID}); !errors.Is(err, ErrInvalidPasskey) {
		t.Errorf("nobody verified registered: %v", err)
	}
	p.config.Passkeys.RequireUserVerification = false
	for length, taken := range map[int]bool{0: false, 1: true, 1023: true, 1024: false} {
		sized := p.newPaperKey(t)
		sized.ID = make([]byte, length)
		if _, err := sized.register(t, BeginPasskeyParams{UserID: user.ID}); (err == nil) != taken {
			t.Errorf("an id of %d bytes: %v", length, err)
		}
	}
}

// PK-01: a ceremony of a sign-in or of a registration lasts five minutes.
func TestPK01_ACeremonyLastsFiveMinutes(t *testing.T) {
	p := newPausing(t)
	p.strict = false
	user := p.user(t)
	k := p.holdPasskey(t, user)
	begun, err := p.Passkeys.BeginSignIn(t.Context(), PasskeySignInParams{})
	if err != nil {
		t.Fatal(err)
	}
	p.advance(ceremonyLife)
	if _, _, err := findCeremony(t.Context(), p.kernel, begun.CeremonyID, toSignIn); !errors.Is(err, ErrInvalidPasskey) {
		t.Errorf("a ceremony of five minutes ago is found: %v", err)
	}
	if _, err := p.Passkeys.SignIn(t.Context(), k.answer(t, begun)); !errors.Is(err, ErrInvalidPasskey) {
		t.Errorf("a sign-in of five minutes ago: %v", err)
	}
}

// PK-01: a registration that two processes end at once is ended by one. The second
// comes between the look at the ceremony and the transaction of the first.
func TestPK01_ARegistrationEndsOnce(t *testing.T) {
	held := &between{Store: memory.New()}
	p := newPausing(t, func(c *Config) { c.Store = held })
	user := p.user(t)
	begun, err := p.Passkeys.BeginRegistration(t.Context(), BeginPasskeyParams{UserID: user.ID})
	if err != nil {
		t.Fatal(err)
	}
	finish := func() error {
		_, err := p.Passkeys.FinishRegistration(ruleContext(t), FinishPasskeyParams{PasskeyAnswer: p.newPaperKey(t).answer(t, begun), UserID: user.ID})
		return err
	}
	var first error
	held.before(func() { first = finish() })
	if second := finish(); first != nil || !errors.Is(second, ErrInvalidPasskey) {
		t.Errorf("the first ended as %v, the second as %v", first, second)
	}
}

// PK-10: the number of passkeys is bounded when one is kept, however many were
// there when the registration began.
func TestPK10_TheNumberIsBoundedAtTheEnd(t *testing.T) {
	p := newPausing(t)
	user := p.user(t)
	begun, err := p.Passkeys.BeginRegistration(t.Context(), BeginPasskeyParams{UserID: user.ID})
	if err != nil {
		t.Fatal(err)
	}
	for range maxPasskeys {
		k := storedPasskey{
			record:      store.Record{Kind: recordPasskey, ID: p.newID(), Refs: []string{userRef(user.ID)}},
			passkeyData: passkeyData{Version: passkeyVersion, UserID: user.ID},
		}
		if err := k.encode(); err != nil {
			t.Fatal(err)
		}
		if err := p.store.CreateRecord(t.Context(), k.record); err != nil {
			t.Fatal(err)
		}
	}
	_, err = p.Passkeys.FinishRegistration(t.Context(), FinishPasskeyParams{PasskeyAnswer: p.newPaperKey(t).answer(t, begun), UserID: user.ID})
	if !errors.Is(err, ErrTooManyPasskeys) {
		t.Errorf("the twenty-first passkey: %v", err)
	}
}
