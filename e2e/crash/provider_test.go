package crash

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admit-go/admit/authtest/issuer"
)

// traveller is a browser that goes to the provider and comes back.
type traveller struct {
	client  *http.Client
	cookies []*http.Cookie
	// back is the path and query that the provider sends the browser to.
	back string
}

// leave goes to the provider and signs in there.
func leave(t *testing.T, s *server, client *http.Client, at *issuer.Server, email string) *traveller {
	t.Helper()
	response, err := client.Get(s.url + "/v1/auth/acme?callbackUrl=" + url.QueryEscape("http://127.0.0.1:1/"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := at.Answer(response.Header.Get("Location"), email)
	if err != nil {
		t.Fatalf("the start answered %d: %v", response.StatusCode, err)
	}
	// The address of the server changes with each start. A host has one.
	return &traveller{client, response.Cookies(), strings.TrimPrefix(answer.URL, "http://127.0.0.1:1")}
}

// arrive returns what the page of the host is told, or an error if no answer came.
func (b *traveller) arrive(t *testing.T, s *server) (url.Values, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+b.back, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range b.cookies {
		request.AddCookie(cookie)
	}
	response, err := b.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	target, err := response.Location()
	if err != nil {
		return nil, fmt.Errorf("%d: %w", response.StatusCode, err)
	}
	return target.Query(), nil
}

// A server that is killed between the exchange of a code and the end of its
// transaction leaves an account with its identity, or neither. The code opens
// nothing a second time, and the next flow signs in.
func TestAServerKilledAfterTheExchangeOfACodeLeavesNothingHalf(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			folder := t.TempDir()
			place := place(t, kind, folder)
			random := rand.New(rand.NewPCG(seed(t), 14))
			var exchanged atomic.Pointer[func()]
			at, err := issuer.Start(issuer.Options{Wrap: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					next.ServeHTTP(w, r)
					if then := exchanged.Load(); then != nil && strings.HasSuffix(r.URL.Path, "/token") {
						(*then)()
					}
				})
			}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = at.Close() })
			client := newClient(t)
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			begin := func() *server { return start(t, folder, place, "-oidc", "acme="+at.Issuer()+",web,secret") }
			s := begin()
			db := open(t, place)
			count := func(query, email string) (n int) {
				t.Helper()
				if err := db.QueryRowContext(t.Context(), strings.ReplaceAll(query, "?", "'"+email+"'")).Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			kept, lost, answered := 0, 0, 0
			for range max(setting(t, "CRASH_KILLS", 32)/4, 1) {
				email := newName()
				b := leave(t, s, client, at, email)
				killed := make(chan bool)
				moment := time.Duration(random.IntN(6000)) * time.Microsecond
				hit := func() {
					exchanged.Store(nil)
					go func() {
						defer close(killed)
						<-time.After(moment) // from the answer of the provider to after the commit
						_ = s.command.Process.Kill()
					}()
				}
				exchanged.Store(&hit)
				query, err := b.arrive(t, s)
				select {
				case <-killed:
				case <-time.After(time.Minute):
					t.Fatalf("no code was exchanged: %v, %v", query, err)
				}
				s.kill()
				client.CloseIdleConnections()
				s = begin()
				people := count("SELECT count(*) FROM admit_users WHERE email = ?", email)
				identities := count("SELECT count(*) FROM admit_identities WHERE email = ?", email)
				switch {
				case people != identities || people > 1:
					t.Errorf("killed after %v: %d accounts, %d identities", moment, people, identities)
				case err == nil && query.Get("token") != "" && people != 1:
					t.Errorf("killed after %v: the account that was acknowledged is gone", moment)
				case people == 1:
					kept++
				default:
					lost++
				}
				if query.Get("token") != "" {
					answered++
				}
				// The browser tries the same callback again, and then begins anew.
				again, err := b.arrive(t, s)
				if err != nil || again.Get("error") == "" || again.Get("token") != "" {
					t.Errorf("killed after %v: the callback once more: %v, %v", moment, again, err)
				}
				query, err = leave(t, s, client, at, email).arrive(t, s)
				signed := s.ask(client, "POST", "/v1/auth/email/callback", "", object{"token": query.Get("token")})
				if err != nil || signed.status != http.StatusOK {
					t.Errorf("killed after %v: the next flow: %v, %v, %+v", moment, query, err, signed)
				}
				if who := s.me(client, signed.text("accessToken")); who.text("email") != email {
					t.Errorf("killed after %v: the next flow signs in as %+v", moment, who)
				}
				if people, identities = count("SELECT count(*) FROM admit_users WHERE email = ?", email), count("SELECT count(*) FROM admit_identities WHERE email = ?", email); people != 1 || identities != 1 {
					t.Errorf("killed after %v: in the end %d accounts, %d identities", moment, people, identities)
				}
			}
			if lost == 0 {
				t.Error("no kill came before the commit, so nothing was tried")
			}
			t.Logf("seed %d: %d kills after the commit, %d before; %d answers arrived", seed(t), kept, lost, answered)
		})
	}
}
