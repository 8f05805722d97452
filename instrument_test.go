package admit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
	"github.com/admit-go/admit/store/storetest"
)

type traceKey struct{}

func TestInstrumentIsToldTheRouteOfARequestAndNeverItsPath(t *testing.T) {
	var facts []admit.RequestFacts
	var inStore []any
	h := newHost(t, func(c *admit.Config) {
		c.Store = storetest.Wrap(memory.New(), func(ctx context.Context, verb string, call func(context.Context) error) error {
			if verb == "SessionUser" { // no worker calls it
				inStore = append(inStore, ctx.Value(traceKey{}))
			}
			return call(ctx)
		})
		c.Instrument.RequestBegan = func(ctx context.Context) context.Context {
			return context.WithValue(ctx, traceKey{}, len(facts))
		}
		c.Instrument.RequestEnded = func(ctx context.Context, r admit.RequestFacts) {
			if ctx.Value(traceKey{}) != len(facts) {
				t.Errorf("the context of %+v is not the one that RequestBegan made", r)
			}
			facts = append(facts, r)
		}
	})
	_, tokens := h.call(http.MethodPost, "/v1/auth/email/signup", "", map[string]string{
		"email": "ann@example.test", "password": "quiet-harbour-lamp", "name": "Ann",
	})
	facts = nil
	h.call(http.MethodDelete, "/v1/auth/sessions/typed-by-somebody", tokens["accessToken"].(string), nil)
	if len(inStore) != 1 || inStore[0] != 0 {
		t.Errorf("the store was called with %v instead of what RequestBegan made", inStore)
	}
	h.call(http.MethodGet, "/v1/secret-path", "", nil)
	h.call("BREW", "/v1/auth/me", "", nil)
	want := []admit.RequestFacts{
		{Method: "DELETE", Route: "/v1/auth/sessions/{sessionId}", Status: http.StatusNotFound},
		{Method: "GET", Status: http.StatusNotFound},
		{Method: "other", Status: http.StatusMethodNotAllowed},
	}
	for i, got := range facts {
		if len(got.ID) != 16 || got.Duration < 0 {
			t.Errorf("told %+v", got)
		}
		got.ID, got.Duration = "", 0
		if i >= len(want) || got != want[i] {
			t.Errorf("request %d: told %+v", i, got)
		}
	}
	if len(facts) != len(want) {
		t.Errorf("told of %d requests, should be %d", len(facts), len(want))
	}
}

func TestAnInstrumentThatPanicsHarmsNothing(t *testing.T) {
	var log bytes.Buffer
	mails := make(chan admit.MailFacts, 1)
	h := newHost(t, func(c *admit.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.Instrument = admit.Instrument{
			RequestBegan: func(context.Context) context.Context { panic("began") },
			RequestEnded: func(context.Context, admit.RequestFacts) { panic("ended") },
			MailTried:    func(_ context.Context, m admit.MailFacts) { mails <- m; panic("mail") },
		}
	})
	status, body := h.call(http.MethodPost, "/v1/auth/email/signup", "", map[string]string{
		"email": "ann@example.test", "password": "quiet-harbour-lamp", "name": "Ann",
	})
	if status != http.StatusCreated {
		t.Errorf("sign-up: %d %v", status, body)
	}
	if m := received(t, mails); m.Outcome != "sent" || m.Kind != string(mailer.SignupConfirmation) || m.Tries != 1 {
		t.Errorf("told %+v", m)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Error("the worker did not survive:", err)
	}
	for _, name := range []string{"RequestBegan", "RequestEnded", "MailTried"} {
		if !strings.Contains(log.String(), "function="+name) {
			t.Errorf("the log does not say that %s panicked:\n%s", name, &log)
		}
	}
}

func TestInstrumentIsToldOfARequestThatIsBrokenOff(t *testing.T) {
	var told []int
	h := newHost(t, func(c *admit.Config) {
		c.Store = storetest.Wrap(memory.New(), func(ctx context.Context, verb string, call func(context.Context) error) error {
			if verb == "UserPassword" {
				panic(http.ErrAbortHandler)
			}
			return call(ctx)
		})
		c.Instrument.RequestEnded = func(_ context.Context, r admit.RequestFacts) { told = append(told, r.Status) }
	})
	defer func() {
		if cause, _ := recover().(error); !errors.Is(cause, http.ErrAbortHandler) || !slices.Equal(told, []int{0}) {
			t.Errorf("the handler panicked with %v, told %v", cause, told)
		}
	}()
	r := httptest.NewRequest(http.MethodPost, "/v1/auth/email/signin", strings.NewReader(`{"email":"a@x.test","password":"quiet-harbour-lamp"}`))
	r.Header.Set("Content-Type", "application/json")
	h.Handler().ServeHTTP(httptest.NewRecorder(), r)
}

// brokenMailer fails as it is told to.
type brokenMailer struct{ err error }

func (m brokenMailer) Send(context.Context, mailer.Message) error { return m.err }

func TestInstrumentIsToldHowEachTryToSendAMessageWentAndNothingOfDecoys(t *testing.T) {
	for outcome, failure := range map[string]error{
		"sent": nil, "deferred": errors.New("try later"), "dead": &mailer.PermanentError{Err: errors.New("no such mailbox")},
	} {
		t.Run(outcome, func(t *testing.T) {
			mails := make(chan admit.MailFacts, 10)
			h := newHost(t, func(c *admit.Config) {
				c.Mailer = brokenMailer{failure}
				c.Instrument.MailTried = func(_ context.Context, m admit.MailFacts) { mails <- m }
			})
			h.call(http.MethodPost, "/v1/auth/password/reset/request", "", map[string]string{"email": "nobody@example.test"})
			h.call(http.MethodPost, "/v1/auth/email/signup", "", map[string]string{
				"email": "ann@example.test", "password": "quiet-harbour-lamp", "name": "Ann",
			})
			got := received(t, mails)
			if want := (admit.MailFacts{Kind: string(mailer.SignupConfirmation), Outcome: outcome, Tries: 1}); got != want {
				t.Errorf("told %+v, should be %+v", got, want)
			}
		})
	}
}

func received(t *testing.T, mails <-chan admit.MailFacts) admit.MailFacts {
	t.Helper()
	select {
	case m := <-mails:
		return m
	case <-time.After(time.Minute):
		t.Fatal("was told of no message")
		return admit.MailFacts{}
	}
}

func TestInstrumentIsToldOfPasswordsThatAreNotHashed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	refused := make(chan struct{}, 200)
	h := newHost(t, func(c *admit.Config) {
		c.InsecureNoLimits, c.Passwords.InsecureFastHash = true, false
		c.Instrument.HashRefused = func(context.Context) { refused <- struct{}{} }
	})
	var people sync.WaitGroup
	for i := range 200 {
		people.Go(func() {
			_, err := h.Passwords.SignIn(ctx, admit.SignInParams{Email: fmt.Sprintf("nobody%d@example.test", i), Password: "quiet-harbour-lamp"})
			if err == nil {
				t.Error("nobody was signed in")
			}
		})
	}
	select {
	case <-refused:
	case <-time.After(time.Minute):
		t.Error("200 at once did not fill the queue")
	}
	cancel() // whoever waits need not any more
	people.Wait()
}
