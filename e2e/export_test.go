package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/store"
)

const exportPath = "/v1/auth/export"

func export(s *harness.Server, access string) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", exportPath, nil, harness.Bearer(access))
}

var _ = faultFlows.add(faultFlow{
	name:  "export",
	calls: 6,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		var out bytes.Buffer
		err := a.Exports.Write(ctx, p.signed.User.ID, &out)
		p.extra = out.String()
		return err == nil && json.Valid(out.Bytes()), err
	},
	done:    func(s *harness.Server, p *subject) bool { return len(s.Events(p.signed.User.ID, "user.exported")) > 0 },
	inSteps: true,
})

// An export has what each feature holds about the caller, and AC-167, LG-02: no
// hash, no secret, no sealed byte and nobody else.
func TestAnExportHoldsThePersonAndNoSecret(t *testing.T) {
	provider := harness.NewProvider("acme")
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p, other := verified(s, "a@x.test"), verified(s, "other.person@x.test")
		admin := s.Admin()
		linkAt(s, provider, provider.Person("subject-1", "me@y.test", admit.ProofAsserted), p.Access).Want(201)
		s.AddPasskey(p, harness.NewDevice(t)).Want(201)
		app := s.EnrollTOTP(p)
		p.Tokens = s.Complete(s.Paused(s.SignIn(p.Email, harness.Password)), app.BackupCodes[0], harness.Header("User-Agent", "Own-Agent/1")).Want(200).Tokens()
		s.Do("PATCH", "/v1/users/"+p.ID, harness.J{"banned": true, "banReason": "for a test"}, harness.Bearer(admin.Access), harness.Header("User-Agent", "Admin-Agent/1")).Want(200)
		s.Do("PATCH", "/v1/users/"+p.ID, harness.J{"banned": false}, harness.Bearer(admin.Access)).Want(200)
		p.Tokens = s.Complete(s.Paused(s.SignIn(p.Email, harness.Password)), app.BackupCodes[1], harness.Header("User-Agent", "Own-Agent/1")).Want(200).Tokens()
		magicToken(s, p.Email)
		a := export(s, p.Access).Want(200)
		if a.Header.Get("Content-Type") != "application/json" || !strings.Contains(a.Header.Get("Content-Disposition"), "attachment") || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("the headers are %v", a.Header)
		}
		text := string(a.Body)
		for _, wanted := range []string{p.ID, "a@x.test", "Ada Lovelace", "subject-1", "me@y.test", `"totp"`, "for a test", `"Own-Agent/1`, `"host": {`, `"notes"`} {
			if !strings.Contains(text, wanted) {
				t.Errorf("%q is missing in %s", wanted, text)
			}
		}
		for _, foreign := range []string{other.Email, other.ID, admin.Email, admin.ID, "Admin-Agent"} {
			if strings.Contains(text, foreign) {
				t.Errorf("the export has %q of somebody else", foreign)
			}
		}
		password, err := s.Store.Password(t.Context(), "", p.ID)
		if err != nil {
			t.Fatal(err)
		}
		secrets := []string{password.Hash, app.Secret, app.BackupCodes[2], harness.Secret, "$argon2", "secretHash", "publicKey", "credentialId", "tokens"}
		for _, kind := range []string{"factor", "passkey", "identity"} {
			records, _, err := s.Store.ListRecords(t.Context(), "", kind, "user/"+p.ID, store.Page{Number: 1, Limit: 9})
			if err != nil || len(records) == 0 {
				t.Fatalf("%s: %v, %v", kind, records, err)
			}
			for _, r := range records {
				var fields map[string]any
				if err := json.Unmarshal(r.Data, &fields); err != nil {
					t.Fatal(err)
				}
				for _, name := range []string{"secret", "tokens", "publicKey", "credentialId", "handle"} {
					if value, ok := fields[name].(string); ok && value != "" {
						secrets = append(secrets, value)
					}
				}
				secrets = append(secrets, r.Keys...)
			}
		}
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("the export shows %q", secret)
			}
		}
		if n := len(s.Events(p.ID, "user.exported")); n != 1 {
			t.Errorf("it was recorded %d times", n)
		}
	}, harness.With(provider), unlimited, func(c *admit.Config) {
		c.Hooks.Export = func(_ context.Context, user admit.User) (any, error) {
			return map[string]any{"notes": []string{"a note of " + user.Email}}, nil
		}
	})
}

// SE-07: an export needs a recent proof and a session, and each account has a budget.
func TestSE07_AnExportNeedsARecentProofAndHasABudget(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p, other := verified(s, "a@x.test"), verified(s, "b@x.test")
		_, key := s.NewKey("secret")
		s.Do("POST", exportPath, nil, harness.Key(key)).Want(401)
		export(s, p.Access).Want(200)
		export(s, p.Access).Want(429, "auth/too-many-requests")
		export(s, other.Access).Want(200) // a budget of its own
		s.Clock.Advance(6 * time.Minute)
		export(s, p.Access).Want(200)
		s.Clock.Advance(2 * time.Hour)
		s.Do("POST", exportPath, nil, harness.Bearer(s.Refresh(p.Refresh).Want(200).Tokens().Access)).Want(403, "auth/reauthentication-required")
	})
}

// What the hook refuses is an answer, and what breaks off is not taken for whole.
func TestAnExportThatFailsIsNoExport(t *testing.T) {
	refused := &admit.Error{Code: "app/busy", Status: 503, Message: "Not now."}
	var hook error
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		hook = refused
		p := verified(s, "a@x.test")
		if err := s.Auth.Exports.Write(t.Context(), p.ID, io.Discard); !errors.Is(err, refused) {
			t.Errorf("the hook: %v", err)
		}
		hook = nil
		full := errors.New("the disk is full")
		if err := s.Auth.Exports.Write(t.Context(), p.ID, failingWriter{full}); !errors.Is(err, full) {
			t.Errorf("the writer: %v", err)
		}
		if err := s.Auth.Exports.Write(t.Context(), "0198c0de-0000-7000-8000-000000000000", io.Discard); !errors.Is(err, admit.ErrUserNotFound) {
			t.Errorf("nobody: %v", err)
		}
	}, func(c *admit.Config) {
		c.Hooks.Export = func(context.Context, admit.User) (any, error) { return nil, hook }
	})
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// Every page of the events is there, in order.
func TestAnExportGoesThroughEveryPage(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		for i := range 250 {
			err := s.Store.AppendEvent(t.Context(), store.Event{
				ID: fmt.Sprintf("01990000-0000-7000-8000-%012d", i), Kind: "user.renamed", SubjectID: p.ID, At: s.Clock.Now(), Delivered: true,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		var out bytes.Buffer
		if err := s.Auth.Exports.Write(t.Context(), p.ID, &out); err != nil {
			t.Fatal(err)
		}
		var read struct{ Events []struct{ Kind string } }
		if err := json.Unmarshal(out.Bytes(), &read); err != nil {
			t.Fatal(err)
		}
		renamed := 0
		for _, e := range read.Events {
			if e.Kind == "user.renamed" {
				renamed++
			}
		}
		if renamed != 250 {
			t.Errorf("%d of 250 events are exported", renamed)
		}
	})
}
