package e2e_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
)

const hooksPath = "/v1/admin/webhooks"

// privately lets webhooks lead to receivers on loopback.
func privately(c *admit.Config) { c.Webhooks.AllowPrivate = true }

// heldHook makes a webhook for a route whose path has its id.
func heldHook(s *harness.Server, _ *heldPerson) map[string]string {
	s.T.Helper()
	// Many requests are held, and there may be 50 webhooks.
	before, err := s.Auth.Webhooks.List(s.T.Context(), admit.PageParams{Number: 1, Limit: 100})
	if err != nil {
		s.T.Fatal(err)
	}
	for _, hook := range before.Items {
		if err := s.Auth.Webhooks.Delete(s.T.Context(), hook.ID); err != nil {
			s.T.Fatal(err)
		}
	}
	made, err := s.Auth.Webhooks.Create(s.T.Context(), admit.CreateWebhookParams{URL: "https://hooks.x.test/in", Events: []string{"organization.deleted"}})
	if err != nil {
		s.T.Fatal(err)
	}
	s.Keep("webhook secret", made.Secret)
	return map[string]string{"id": made.ID}
}

func hookFeed(route string, body harness.J) feed {
	return feed{route: route, prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) { return heldHook(s, p), body }}
}

var _ = feeds.add(
	feed{route: "POST " + hooksPath, prepare: func(*harness.Server, *heldPerson) (map[string]string, harness.J) {
		return nil, harness.J{"url": "https://hooks.x.test/in", "events": []string{"organization.deleted"}}
	}},
	hookFeed("GET "+hooksPath+"/{id}", nil),
	hookFeed("PATCH "+hooksPath+"/{id}", harness.J{"description": "hooks"}),
	hookFeed("DELETE "+hooksPath+"/{id}", nil),
	hookFeed("POST "+hooksPath+"/{id}/rotate", nil),
	hookFeed("POST "+hooksPath+"/{id}/test", nil),
	hookFeed("POST "+hooksPath+"/{id}/replay", harness.J{"since": "2026-01-01T00:00:00Z"}),
	hookFeed("GET "+hooksPath+"/{id}/deliveries", nil),
)

// took is a message that a receiver has got.
type took struct {
	header http.Header
	body   []byte
	kind   string
	id     string
}

// receiver is a program on loopback that gets messages.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got []took
	// answer decides on an answer; nil is 204.
	answer func(n int, w http.ResponseWriter, r *http.Request)
}

func newReceiver(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	t.Helper()
	rec := &receiver{answer: answer}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var message struct {
			Type string `json:"type"`
		}
		_ = json.Unmarshal(body, &message)
		rec.mu.Lock()
		rec.got = append(rec.got, took{r.Header.Clone(), body, message.Type, r.Header.Get("webhook-id")})
		n := len(rec.got)
		rec.mu.Unlock()
		if rec.answer != nil {
			rec.answer(n, w, r)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(func() {
		rec.CloseClientConnections()
		rec.Close()
	})
	return rec
}

func (r *receiver) taken() []took {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// hook makes a webhook over HTTP and returns its id and its answer.
func hook(s *harness.Server, set harness.Set, url string, body harness.J) (string, *harness.Answer) {
	s.T.Helper()
	full := harness.J{"url": url, "events": []string{"*"}}
	maps.Copy(full, body)
	made := s.Do("POST", hooksPath, full, set).Want(http.StatusCreated)
	if secret, ok := made.Get("secret").(string); ok {
		s.Keep("webhook secret", secret)
	}
	return made.String("id"), made
}

func deliveries(s *harness.Server, id string) []admit.WebhookDelivery {
	s.T.Helper()
	list, err := s.Auth.Webhooks.Deliveries(s.T.Context(), admit.ListWebhookDeliveriesParams{ID: id, Page: admit.PageParams{Number: 1, Limit: 100}})
	if err != nil {
		s.T.Fatal(err)
	}
	return list.Items
}

// The official library accepts what is sent, by its own clock too.
func TestAWebhookIsSignedAsTheStandardSays(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		rec := newReceiver(t, nil)
		admin := s.Admin()
		id, made := hook(s, harness.Bearer(admin.Access), rec.URL+"/in?token=of-the-receiver", harness.J{"events": []string{"user.*"}, "description": "the shop"})
		secret := made.String("secret")
		if !strings.HasPrefix(secret, "whsec_") || made.Get("enabled") != true || made.Get("publicKey") != nil {
			t.Errorf("made %s", made.Body)
		}
		ann := s.SignUp("ann@x.test")
		s.Eventually("a message", func() bool { return len(rec.taken()) == 1 })
		got := rec.taken()[0]
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(got.body, got.header); err != nil {
			t.Errorf("the official library says %v", err)
		}
		if err := verifier.Verify(append(bytes.Clone(got.body), ' '), got.header); err == nil {
			t.Error("the official library accepts another body")
		}
		event := s.Events(ann.ID, "user.created")[0]
		var body struct {
			Type      string            `json:"type"`
			Timestamp time.Time         `json:"timestamp"`
			Data      map[string]string `json:"data"`
		}
		if err := json.Unmarshal(got.body, &body); err != nil {
			t.Fatal(err)
		}
		if got.id != event.ID || body.Type != "user.created" || !body.Timestamp.Equal(event.At.Truncate(time.Millisecond)) || body.Data["subjectId"] != ann.ID || body.Data["eventId"] != event.ID {
			t.Errorf("got %s with the id %s", got.body, got.id)
		}
		if strings.Contains(string(got.body), "ann@") {
			t.Errorf("the message tells more than ids: %s", got.body)
		}
		s.Eventually("the delivery is listed", func() bool { return len(deliveries(s, id)) == 1 })
		list := s.Do("GET", hooksPath+"/"+id+"/deliveries", nil, harness.Bearer(admin.Access)).Want(http.StatusOK)
		item := list.Get("items").([]any)[0].(map[string]any)
		if item["status"] != "delivered" || item["statusCode"] != 204.0 || item["attempts"] != 1.0 || item["messageId"] != event.ID || item["error"] != nil {
			t.Errorf("listed %s", list.Body)
		}
		for _, path := range []string{hooksPath, hooksPath + "/" + id} {
			if a := s.Do("GET", path, nil, harness.Bearer(admin.Access)).Want(http.StatusOK); strings.Contains(string(a.Body), secret) {
				t.Errorf("%s shows the secret", path)
			}
		}
		if strings.Contains(s.Log.String(), "of-the-receiver") {
			t.Error("the URL of the receiver is in the log")
		}
		// The reason of a ban stands in the event, and is no id.
		if err := s.Auth.Users.Ban(t.Context(), admit.BanParams{UserID: ann.ID, Reason: "owes us money"}); err != nil {
			t.Fatal(err)
		}
		s.Eventually("a message of the ban", func() bool { return len(rec.taken()) == 2 })
		if banned := string(rec.taken()[1].body); !strings.Contains(banned, "user.banned") || strings.Contains(banned, "owes") {
			t.Errorf("the message of the ban is %s", banned)
		}
	}, privately, func(c *admit.Config) { c.Now = time.Now })
}

// While a key is replaced, each message is signed by both keys.
func TestAKeyOfAWebhookIsReplacedWithoutAGap(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		rec := newReceiver(t, nil)
		admin := harness.Bearer(s.Admin().Access)
		id, made := hook(s, admin, rec.URL, harness.J{"events": []string{"organization.deleted"}})
		verifies := func(secret string, n int) bool {
			t.Helper()
			s.Eventually("a message", func() bool { return len(rec.taken()) == n })
			verifier, err := standardwebhooks.NewWebhook(secret)
			if err != nil {
				t.Fatal(err)
			}
			got := rec.taken()[n-1]
			return verifier.VerifyIgnoringTimestamp(got.body, got.header) == nil
		}
		test := func() { s.Do("POST", hooksPath+"/"+id+"/test", nil, admin).Want(http.StatusAccepted) }
		rotated := s.Do("POST", hooksPath+"/"+id+"/rotate", harness.J{"overlap": 3600}, admin).Want(http.StatusCreated)
		first, second := made.String("secret"), rotated.String("secret")
		s.Keep("webhook secret", second)
		test()
		if first == second || !verifies(first, 1) || !verifies(second, 1) {
			t.Error("a message during the overlap is not signed by both keys")
		}
		s.Clock.Advance(time.Hour)
		admin = harness.Bearer(s.SignIn("admin@x.test", harness.Password).Want(http.StatusOK).Tokens().Access)
		test()
		if verifies(first, 2) || !verifies(second, 2) {
			t.Error("after the overlap the first key still signs, or the second does not")
		}
		third := s.Do("POST", hooksPath+"/"+id+"/rotate", harness.J{"overlap": 0}, admin).Want(http.StatusCreated).String("secret")
		s.Keep("webhook secret", third)
		test()
		if verifies(second, 3) || !verifies(third, 3) {
			t.Error("a key without an overlap still signs")
		}
		if n := len(s.Events("", "webhook.secret-rotated")); n != 2 {
			t.Errorf("%d events tell of it", n)
		}
	}, privately, unlimited)
}

func TestAWebhookCanBeSignedWithAPublicKey(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		rec := newReceiver(t, nil)
		admin := harness.Bearer(s.Admin().Access)
		id, made := hook(s, admin, rec.URL, harness.J{"events": []string{"organization.deleted"}, "signature": "v1a"})
		if made.Get("secret") != nil {
			t.Errorf("made %s", made.Body)
		}
		public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(made.String("publicKey"), "whpk_"))
		if err != nil || len(public) != ed25519.PublicKeySize {
			t.Fatalf("the public key is %s", made.String("publicKey"))
		}
		s.Do("POST", hooksPath+"/"+id+"/test", nil, admin).Want(http.StatusAccepted)
		s.Eventually("a message", func() bool { return len(rec.taken()) == 1 })
		got := rec.taken()[0]
		signature, ok := strings.CutPrefix(got.header.Get("webhook-signature"), "v1a,")
		raw, err := base64.StdEncoding.DecodeString(signature)
		content := got.id + "." + got.header.Get("webhook-timestamp") + "." + string(got.body)
		if !ok || err != nil || !ed25519.Verify(public, []byte(content), raw) {
			t.Errorf("the signature is %s", got.header.Get("webhook-signature"))
		}
	}, privately)
}

// A receiver that fails gets the same message again, with the same id, and the
// messages behind it wait.
func TestMessagesOfAWebhookKeepTheirOrderWhileOneFails(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		rec := newReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
			if n <= 2 {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
		admin := harness.Bearer(s.Admin().Access)
		id, _ := hook(s, admin, rec.URL, harness.J{"events": []string{"organization.*"}})
		for _, name := range []string{"One", "Two", "Three"} {
			s.Do("POST", "/v1/organizations", harness.J{"name": name}, admin).Want(http.StatusCreated)
		}
		for n := 1; n <= 2; n++ {
			s.Eventually("an attempt", func() bool {
				d := deliveries(s, id)
				return len(rec.taken()) == n && len(d) == 1 && d[0].Attempts == n && d[0].Status == "waiting"
			})
			if d := deliveries(s, id)[0]; d.StatusCode != 500 || !d.NextAt.After(s.Clock.Now()) {
				t.Errorf("listed %+v", d)
			}
			s.Clock.Advance(6 * time.Minute)
		}
		s.Eventually("the rest", func() bool { return len(deliveries(s, id)) == 3 && len(rec.taken()) == 5 })
		var ids []string
		for _, got := range rec.taken() {
			ids = append(ids, got.id)
		}
		var want []string
		for _, e := range s.Events("", "organization.created") {
			want = append(want, e.ID)
		}
		if !slices.Equal(slices.Compact(ids), want) {
			t.Errorf("got %v, want %v", ids, want)
		}
		if h, err := s.Auth.Webhooks.Get(t.Context(), id); err != nil || !h.FailingSince.IsZero() {
			t.Errorf("after the success: %+v, %v", h, err)
		}
	}, privately, unlimited)
}

// A message that a receiver never takes lets the others pass after some attempts.
func TestAMessageThatFailsForEverStepsAside(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		var first string
		var mu sync.Mutex
		rec := newReceiver(t, func(_ int, w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if first == "" {
				first = r.Header.Get("webhook-id")
			}
			if r.Header.Get("webhook-id") == first {
				w.WriteHeader(http.StatusBadRequest)
			}
		})
		admin := harness.Bearer(s.Admin().Access)
		id, _ := hook(s, admin, rec.URL, harness.J{"events": []string{"organization.*"}})
		for _, name := range []string{"One", "Two"} {
			s.Do("POST", "/v1/organizations", harness.J{"name": name}, admin).Want(http.StatusCreated)
		}
		attempts := func() int {
			for _, d := range deliveries(s, id) {
				if d.Status != "delivered" {
					return d.Attempts
				}
			}
			return 0
		}
		_, key := s.NewKey(admit.SecretKey)
		passed := func(kind string) bool {
			return slices.ContainsFunc(deliveries(s, id), func(d admit.WebhookDelivery) bool { return d.Status == "delivered" && d.Type == kind })
		}
		for n := 1; n <= 10 && !t.Failed(); n++ {
			s.Eventually(fmt.Sprintf("attempt %d", n), func() bool { return attempts() == n })
			if n < 3 && passed("organization.created") {
				t.Errorf("after %d attempts the next message has passed", n)
			}
			// The receiver takes other messages, so it is not switched off.
			before := len(deliveries(s, id))
			s.Do("POST", hooksPath+"/"+id+"/test", nil, harness.Key(key)).Want(http.StatusAccepted)
			if n >= 3 {
				s.Eventually("the other messages", func() bool { return passed("organization.created") && len(deliveries(s, id)) > before })
			}
			s.Clock.Advance(29 * time.Hour)
		}
		dead := s.Do("GET", "/v1/admin/outbox?queue=webhook", nil, harness.Key(key)).Want(http.StatusOK)
		if items := dead.Get("items").([]any); len(items) != 1 || items[0].(map[string]any)["queue"] != "webhook" {
			t.Errorf("given up: %s", dead.Body)
		}
	}, privately, unlimited, func(c *admit.Config) {
		c.Sessions.AbsoluteTTL, c.Sessions.RefreshTTL = 400*24*time.Hour, 300*24*time.Hour
	})
}

// A receiver that is gone, or that fails for three days, is switched off, and
// administrators are told.
func TestAWebhookThatFailsIsSwitchedOff(t *testing.T) {
	for name, status := range map[string]int{"gone": http.StatusGone, "failed": http.StatusServiceUnavailable} {
		t.Run(name, func(t *testing.T) {
			harness.Each(t, func(t *testing.T, s *harness.Server) {
				rec := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
				admin := harness.Bearer(s.Admin().Access)
				id, _ := hook(s, admin, rec.URL, harness.J{"events": []string{"organization.*"}})
				s.Do("POST", hooksPath+"/"+id+"/test", nil, admin).Want(http.StatusAccepted)
				state := func() admit.Webhook {
					h, err := s.Auth.Webhooks.Get(t.Context(), id)
					if err != nil {
						t.Fatal(err)
					}
					return h
				}
				if name == "failed" {
					s.Eventually("a failure", func() bool { return !state().FailingSince.IsZero() })
					s.Clock.Advance(72*time.Hour - time.Second)
					s.Eventually("another failure", func() bool { return len(rec.taken()) == 2 && deliveries(s, id)[0].Attempts == 2 })
					if !state().DisabledAt.IsZero() {
						t.Error("switched off too early")
					}
					s.Clock.Advance(10 * time.Minute)
				}
				if s.Eventually("switched off", func() bool { return !state().DisabledAt.IsZero() }); t.Failed() {
					return
				}
				if got := state().DisabledFor; got != name {
					t.Errorf("switched off for %q", got)
				}
				m := letterTo(s, mailer.WebhookDisabled, "admin@x.test")
				if !strings.Contains(m.Text, "127.0.0.1") || strings.Contains(m.Text, rec.URL) {
					t.Errorf("the mail says %s", m.Text)
				}
				if e := s.Events("", "webhook.disabled"); len(e) != 1 || !strings.Contains(string(e[0].Data), `"reason":"`+name+`"`) {
					t.Errorf("the events are %v", e)
				}
				admin = harness.Bearer(s.SignIn("admin@x.test", harness.Password).Want(http.StatusOK).Tokens().Access)
				s.Do("POST", hooksPath+"/"+id+"/test", nil, admin).Want(http.StatusConflict, "webhook/disabled")
				n := len(rec.taken())
				rec.mu.Lock()
				rec.answer = nil
				rec.mu.Unlock()
				got := s.Do("PATCH", hooksPath+"/"+id, harness.J{"enabled": true}, admin).Want(http.StatusOK)
				if got.Get("enabled") != true || got.Get("disabledReason") != nil {
					t.Errorf("switched on: %s", got.Body)
				}
				s.Clock.Advance(time.Hour) // the pause of the message goes on meanwhile
				s.Eventually("the message that waited", func() bool { return len(rec.taken()) == n+1 })
			}, privately, unlimited)
		})
	}
}

// A receiver asks for a pause, and gets it.
func TestAWebhookIsSlowedByRetryAfter(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		rec := newReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				w.Header().Set("Retry-After", "1800")
				w.WriteHeader(http.StatusTooManyRequests)
			}
		})
		admin := harness.Bearer(s.Admin().Access)
		id, _ := hook(s, admin, rec.URL, harness.J{"events": []string{"organization.*"}})
		s.Do("POST", hooksPath+"/"+id+"/test", nil, admin).Want(http.StatusAccepted)
		s.Eventually("an attempt", func() bool { return len(deliveries(s, id)) == 1 })
		if next := deliveries(s, id)[0].NextAt; next.Sub(s.Clock.Now()) < 30*time.Minute {
			t.Errorf("the next attempt is at %v", next)
		}
		s.Clock.Advance(31 * time.Minute)
		s.Eventually("the next attempt", func() bool { return deliveries(s, id)[0].Status == "delivered" })
	}, privately)
}

// A redirect is not followed, and it is no success.
func TestAWebhookFollowsNoRedirect(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		inner := newReceiver(t, nil)
		rec := newReceiver(t, func(_ int, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, inner.URL, http.StatusTemporaryRedirect)
		})
		admin := harness.Bearer(s.Admin().Access)
		id, _ := hook(s, admin, rec.URL, harness.J{"events": []string{"organization.*"}})
		s.Do("POST", hooksPath+"/"+id+"/test", nil, admin).Want(http.StatusAccepted)
		s.Eventually("an attempt", func() bool { return len(deliveries(s, id)) == 1 })
		if d := deliveries(s, id)[0]; d.Status != "waiting" || d.StatusCode != http.StatusTemporaryRedirect || len(inner.taken()) != 0 {
			t.Errorf("listed %+v, the target of the redirect got %d", d, len(inner.taken()))
		}
	}, privately)
}

// A receiver that lies about its length, says too much or breaks the connection off
// harms nobody else, and nothing that it says is kept.
func TestAnOddReceiverHarmsNobodyElse(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		hang := make(chan struct{})
		defer close(hang)
		odd := map[string]func(n int, w http.ResponseWriter, r *http.Request){
			"hangs": func(_ int, _ http.ResponseWriter, r *http.Request) {
				select {
				case <-hang:
				case <-r.Context().Done():
				}
			},
			"closes": func(int, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			"lies": func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "1000")
				_, _ = w.Write([]byte("whsec_confession"))
			},
			"babbles": func(_ int, w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(bytes.Repeat([]byte("whsec_confession"), 1<<16))
			},
		}
		admin := harness.Bearer(s.Admin().Access)
		ids := map[string]string{}
		for name, answer := range odd {
			ids[name], _ = hook(s, admin, newReceiver(t, answer).URL, harness.J{"events": []string{"organization.created"}})
		}
		good := newReceiver(t, nil)
		id, _ := hook(s, admin, good.URL, harness.J{"events": []string{"organization.created"}})
		s.Do("POST", "/v1/organizations", harness.J{"name": "One"}, admin).Want(http.StatusCreated)
		s.Eventually("the good receiver gets the message", func() bool { return len(good.taken()) == 1 && len(deliveries(s, id)) == 1 })
		for name, want := range map[string]string{"closes": "waiting", "lies": "delivered", "babbles": "delivered"} {
			s.Eventually(name, func() bool {
				d := deliveries(s, ids[name])
				return len(d) == 1 && d[0].Status == want
			})
		}
		if text := s.Log.String() + fmt.Sprint(deliveries(s, ids["lies"]), deliveries(s, ids["babbles"])); strings.Contains(text, "confession") {
			t.Error("what a receiver said is kept")
		}
	}, privately)
}

// IO-07: a webhook leads to a public address by https, whatever way the URL is
// written, and the address is checked after the name was looked up.
func TestIO07_AWebhookLeadsToNoPrivateAddress(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		for _, url := range []string{
			"", "hooks.x.test", "//hooks.x.test", "http://hooks.x.test/", "ftp://hooks.x.test/", "file:///etc/passwd", "javascript:alert(1)",
			"https://", "https:hooks.x.test", "https://user:pw@hooks.x.test/", "https://hooks.x.test@127.0.0.1/", "https://hooks.x.test/#x",
			"https://127.0.0.1/", "http://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://0x7f.1/",
			"https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.localhost/", "https://localhost.localhost/", "https://printer.local/", "https://metadata.google.internal/",
			"https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest", "https://100.64.0.1/", "https://0.0.0.0/", "https://224.0.0.1/", "https://255.255.255.255/",
			"https://[::1]/", "https://[::]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fc00::1]/", "https://[fd00:ec2::254]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:169.254.169.254]/",
			"https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[ff02::1]/", "https://hooks.x.test/\r\nX: y", "https://hooks.x.test/ ä", "https://" + strings.Repeat("a", 2100) + ".test/",
		} {
			raw, err := json.Marshal(harness.J{"url": url, "events": []string{"*"}}) // as text, since openapi.yaml refuses some of them too
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Do("POST", hooksPath, raw, admin); got.Status != http.StatusBadRequest || got.Get("error", "code") != "auth/invalid-request" {
				t.Errorf("%q: %d %s", url, got.Status, got.Body)
			}
		}
		for _, events := range [][]string{nil, {}, {""}, {"user"}, {"user.crated"}, {"us*"}, {"*.created"}, {"user.**"}} {
			raw, err := json.Marshal(harness.J{"url": "https://hooks.x.test/", "events": events})
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Do("POST", hooksPath, raw, admin); got.Status != http.StatusBadRequest {
				t.Errorf("the events %q: %d", events, got.Status)
			}
		}
		if n := len(s.Events("", "webhook.created")); n != 0 {
			t.Errorf("%d webhooks were made", n)
		}
	}, unlimited)
}

// IO-07: a name that leads to this machine is refused when the connection is made,
// also where the name was fine when the webhook was made.
func TestIO07_TheAddressOfAWebhookIsCheckedAtEachConnection(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		rec := newReceiver(t, nil)
		admin := harness.Bearer(s.Admin().Access)
		id, _ := hook(s, admin, rec.URL, harness.J{"events": []string{"organization.*"}})
		// Another process is not allowed private addresses. The webhook is there.
		if err := s.Auth.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		strict := s.Process(func(c *admit.Config) { c.Webhooks.AllowPrivate = false })
		strict.Do("POST", hooksPath+"/"+id+"/test", nil, admin).Want(http.StatusAccepted)
		strict.Eventually("an attempt", func() bool { return len(deliveries(strict, id)) == 1 })
		if d := deliveries(strict, id)[0]; d.Status != "waiting" || d.StatusCode != 0 || len(rec.taken()) != 0 {
			t.Errorf("listed %+v, and %d messages arrived", d, len(rec.taken()))
		}
	}, privately)
}

// AC-168: webhooks are closed to everybody but administrators.
func TestAC168_WebhooksAreForAdministrators(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin := s.Admin()
		user := harness.Bearer(s.SignUp("ann@x.test").Access)
		id, _ := hook(s, harness.Bearer(admin.Access), "https://hooks.x.test/in", nil)
		_, all := s.NewKey(admit.SecretKey)
		_, wide := s.NewKey(admit.SecretKey, "*:*")
		_, exact := s.NewKey(admit.SecretKey, "webhooks:write")
		_, reader := s.NewKey(admit.SecretKey, "webhooks:read")
		create := harness.J{"url": "https://hooks.x.test/in", "events": []string{"*"}}
		s.Do("POST", hooksPath, create).Want(http.StatusUnauthorized)
		s.Do("POST", hooksPath, create, user).Want(http.StatusForbidden)
		s.Do("GET", hooksPath+"/"+id, nil, user).Want(http.StatusForbidden)
		s.Do("POST", hooksPath, create, harness.Key(wide)).Want(http.StatusForbidden, "auth/scope-insufficient")
		s.Do("POST", hooksPath+"/"+id+"/rotate", nil, harness.Key(wide)).Want(http.StatusForbidden, "auth/scope-insufficient")
		s.Do("GET", hooksPath+"/"+id, nil, harness.Key(reader)).Want(http.StatusOK)
		s.Do("DELETE", hooksPath+"/"+id, nil, harness.Key(reader)).Want(http.StatusForbidden, "auth/scope-insufficient")
		for _, key := range []string{all, exact} {
			hook(s, harness.Key(key), "https://hooks.x.test/in", nil)
		}
		s.Clock.Advance(11 * time.Minute)
		for _, c := range []struct {
			method, path string
			body         any
		}{
			{"POST", "", create},
			{"PATCH", "/" + id, harness.J{"enabled": false}},
			{"DELETE", "/" + id, nil},
			{"POST", "/" + id + "/rotate", nil},
			{"POST", "/" + id + "/test", nil},
			{"POST", "/" + id + "/replay", harness.J{"since": "2026-01-01T00:00:00Z"}},
		} {
			s.Do(c.method, hooksPath+c.path, c.body, harness.Bearer(admin.Access)).Want(http.StatusForbidden, "auth/reauthentication-required")
		}
		s.Do("GET", hooksPath+"/0199aaaa-0000-7000-8000-000000000000", nil, harness.Key(all)).Want(http.StatusNotFound, "webhook/not-found")
		s.Do("GET", hooksPath+"/x", nil, harness.Key(all)).Want(http.StatusNotFound, "webhook/not-found")
	}, unlimited)
}

// Two processes send each event once.
func TestTwoProcessesSendEachEventOnce(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		rec := newReceiver(t, nil)
		admin := s.Admin()
		id, _ := hook(s, harness.Bearer(admin.Access), rec.URL, harness.J{"events": []string{"organization.created"}})
		other := s.Process()
		const each = 15
		harness.Parallel(2*each, func(i int) *harness.Answer {
			at := s
			if i%2 == 1 {
				at = other
			}
			return at.Do("POST", "/v1/organizations", harness.J{"name": fmt.Sprintf("Org %d", i)}, harness.Bearer(admin.Access)).Want(http.StatusCreated)
		})
		s.Eventually("all events", func() bool { return len(deliveries(s, id)) == 2*each })
		counts := map[string]int{}
		for _, got := range rec.taken() {
			counts[got.id]++
		}
		for _, e := range s.Events("", "organization.created") {
			if counts[e.ID] != 1 {
				t.Errorf("event %s came %d times", e.ID, counts[e.ID])
			}
		}
		if next, err := s.Store.NextMail(t.Context(), "", "webhook/"+id); err != nil || !next.IsZero() {
			t.Errorf("something waits: %v, %v", next, err)
		}
	}, privately, unlimited)
}

// AC-207, AC-208: what a process has committed is sent by the next process, also what
// the first had claimed.
func TestAC207_MessagesOfAWebhookOutliveTheirProcess(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		hang := make(chan struct{})
		rec := newReceiver(t, func(n int, w http.ResponseWriter, r *http.Request) {
			if n == 1 {
				select { // the first process waits for the answer until it ends
				case <-hang:
				case <-r.Context().Done():
				}
			}
			w.WriteHeader(http.StatusNoContent)
		})
		defer close(hang)
		admin := harness.Bearer(s.Admin().Access)
		id, _ := hook(s, admin, rec.URL, harness.J{"events": []string{"organization.created"}})
		for _, name := range []string{"One", "Two"} {
			s.Do("POST", "/v1/organizations", harness.J{"name": name}, admin).Want(http.StatusCreated)
		}
		s.Eventually("the first attempt", func() bool { return len(rec.taken()) == 1 })
		if err := s.Auth.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(deliveries(s, id)) != 0 {
			t.Errorf("listed %+v", deliveries(s, id))
		}
		other := s.Process()
		other.Auth.Start()
		other.Eventually("both messages", func() bool { return len(deliveries(other, id)) == 2 })
		got, events := rec.taken(), s.Events("", "organization.created")
		if len(got) != 3 || got[0].id != events[0].ID || got[1].id != events[0].ID || got[2].id != events[1].ID {
			t.Errorf("got %d messages", len(got))
		}
	}, privately, unlimited)
}

func TestEventsAreSentAgainByAReplay(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		s.Clock.Advance(time.Minute)
		since := s.Clock.Now()
		for _, name := range []string{"One", "Two"} {
			s.Do("POST", "/v1/organizations", harness.J{"name": name}, admin).Want(http.StatusCreated)
		}
		rec := newReceiver(t, nil)
		id, _ := hook(s, admin, rec.URL, harness.J{"events": []string{"organization.created", "user.*"}})
		for range 2 {
			got := s.Do("POST", hooksPath+"/"+id+"/replay", harness.J{"since": since.Format(time.RFC3339)}, admin).Want(http.StatusAccepted)
			if got.Get("queued") != 2.0 || got.Get("next") != nil {
				t.Errorf("replayed %s", got.Body)
			}
		}
		s.Eventually("all messages", func() bool { return len(deliveries(s, id)) == 4 })
		var want []string
		for _, e := range s.Events("", "organization.created") {
			want = append(want, e.ID)
		}
		want = append(want, want...)
		var got []string
		for _, m := range rec.taken() {
			got = append(got, m.id)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		s.Do("POST", hooksPath+"/"+id+"/replay", harness.J{"since": s.Clock.Now().Add(time.Hour).Format(time.RFC3339)}, admin).Want(http.StatusBadRequest)
		// Pages begin with the latest.
		all := deliveries(s, id)
		for i := range all {
			page := s.Do("GET", fmt.Sprintf("%s/%s/deliveries?limit=1&page=%d", hooksPath, id, i+1), nil, admin).Want(http.StatusOK)
			if one := page.Get("items").([]any)[0].(map[string]any); one["id"] != all[i].ID {
				t.Errorf("page %d has %v, want %s", i+1, one["id"], all[i].ID)
			}
		}
	}, privately, unlimited)
}

// A deleted webhook gets nothing more, and its messages go.
func TestADeletedWebhookLeavesNoMessages(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		rec := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
		admin := harness.Bearer(s.Admin().Access)
		id, _ := hook(s, admin, rec.URL, harness.J{"events": []string{"organization.*"}})
		for _, name := range []string{"One", "Two"} {
			s.Do("POST", "/v1/organizations", harness.J{"name": name}, admin).Want(http.StatusCreated)
		}
		s.Eventually("an attempt", func() bool { return len(deliveries(s, id)) == 1 })
		s.Do("DELETE", hooksPath+"/"+id, nil, admin).Want(http.StatusOK)
		s.Do("GET", hooksPath+"/"+id, nil, admin).Want(http.StatusNotFound, "webhook/not-found")
		s.Do("DELETE", hooksPath+"/"+id, nil, admin).Want(http.StatusNotFound, "webhook/not-found")
		s.Eventually("no message is left", func() bool {
			next, err := s.Store.NextMail(t.Context(), "", "webhook/"+id)
			_, gone := s.Store.Record(t.Context(), "", "webhook", id)
			return err == nil && next.IsZero() && gone != nil
		})
		if n := len(rec.taken()); n != 1 {
			t.Errorf("the receiver got %d messages", n)
		}
	}, privately, unlimited)
}
