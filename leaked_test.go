package admit_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
)

// corpus speaks the range protocol for a list of leaked passwords.
func corpus(t *testing.T, leaked ...string) (url string, asked *[]string) {
	t.Helper()
	asked = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.Path+" "+r.Header.Get("Add-Padding"))
		prefix := strings.TrimPrefix(r.URL.Path, "/range/")
		fmt.Fprint(w, "0000000000000000000000000000000000A:0\r\n")
		for _, password := range leaked {
			sum := sha1.Sum([]byte(password))
			digest := strings.ToUpper(hex.EncodeToString(sum[:]))
			if strings.HasPrefix(digest, prefix) {
				fmt.Fprintf(w, "%s:%d\r\n", digest[5:], 17)
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func TestPW05_LeakedPasswordsAreRefusedByRangeAlone(t *testing.T) {
	url, asked := corpus(t, "harbour-lamp-quiet")
	leaked, err := admit.LeakedPasswords(admit.LeakedPasswordOptions{BaseURL: url, WhenDown: admit.RefuseWhenDown})
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, func(c *admit.Config) { c.Passwords.Leaked = leaked })
	_, err = h.SignUps.Create(context.Background(), admit.SignUpParams{Email: "ann@example.test", Password: "harbour-lamp-quiet", Name: "Ann"})
	if !errors.Is(err, admit.ErrWeakPassword) {
		t.Fatalf("a leaked password: %v", err)
	}
	_, err = h.SignUps.Create(context.Background(), admit.SignUpParams{Email: "ann@example.test", Password: "quiet-harbour-lamp", Name: "Ann"})
	if err != nil {
		t.Fatalf("another password: %v", err)
	}
	for _, line := range *asked {
		if len(line) != len("/range/ABCDE true") || !strings.HasSuffix(line, " true") {
			t.Errorf("more than five digits left, or no padding was asked for: %q", line)
		}
	}
}

// counted is a transport of a host. It counts what it sends.
type counted struct{ n int }

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n++
	return http.DefaultTransport.RoundTrip(r)
}

func TestAHostSendsTheQuestionsForLeakedPasswordsItself(t *testing.T) {
	url, asked := corpus(t, "harbour-lamp-quiet")
	elsewhere := httptest.NewServer(http.RedirectHandler(url+"/range/00000", http.StatusFound))
	defer elsewhere.Close()
	var own counted
	for base, works := range map[string]bool{url: true, elsewhere.URL: false} {
		leaked, err := admit.LeakedPasswords(admit.LeakedPasswordOptions{BaseURL: base, WhenDown: admit.RefuseWhenDown, Transport: &own})
		if err != nil {
			t.Fatal(err)
		}
		if found, err := leaked(t.Context(), "harbour-lamp-quiet"); found != works || (err == nil) != works {
			t.Errorf("%s: %v, %v", base, found, err)
		}
	}
	if own.n != 2 || len(*asked) != 1 {
		t.Errorf("sent %d requests, of which %d arrived", own.n, len(*asked))
	}
}

// TestS25_NobodyFailsOpenWithoutHavingChosenTo: what becomes of a password that
// cannot be checked is the host's decision.
func TestS25_NobodyFailsOpenWithoutHavingChosenTo(t *testing.T) {
	for _, undecided := range []admit.WhenDown{"", "open"} {
		if _, err := admit.LeakedPasswords(admit.LeakedPasswordOptions{WhenDown: undecided}); err == nil || !strings.Contains(err.Error(), "AcceptWhenDown") {
			t.Errorf("%q: %v", undecided, err)
		}
	}
}

func TestS25_ACorpusThatIsDownFailsAsConfigured(t *testing.T) {
	url, asked := corpus(t, "quiet-harbour-lamp")
	release := make(chan struct{})
	for name, fault := range map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"silence": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		},
		// What was configured is asked, and nobody else.
		"a redirect":         func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, url+r.URL.Path, http.StatusFound) },
		"a line without end": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("A", 1<<17)) },
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			down := httptest.NewServer(fault)
			defer down.Close()
			for whenDown, closed := range map[admit.WhenDown]bool{admit.AcceptWhenDown: false, admit.RefuseWhenDown: true} {
				var log strings.Builder
				leaked, err := admit.LeakedPasswords(admit.LeakedPasswordOptions{
					BaseURL: down.URL, WhenDown: whenDown, Timeout: 300 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil)),
				})
				if err != nil {
					t.Fatal(err)
				}
				h := newHost(t, func(c *admit.Config) { c.Passwords.Leaked = leaked })
				_, err = h.SignUps.Create(context.Background(), admit.SignUpParams{Email: "ann@example.test", Password: "quiet-harbour-lamp", Name: "Ann"})
				if closed != errors.Is(err, admit.ErrUnavailable) || !closed && err != nil {
					t.Errorf("fail closed %v: %v", closed, err)
				}
				if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "then="+string(whenDown)) ||
					strings.Contains(log.String(), "quiet-harbour-lamp") {
					t.Errorf("%s: the log says %q", whenDown, log.String())
				}
			}
		})
	}
	close(release)
	if len(*asked) > 0 {
		t.Errorf("a redirect was followed to %v", *asked)
	}
	if _, err := admit.LeakedPasswords(admit.LeakedPasswordOptions{BaseURL: "http://corpus.example", WhenDown: admit.AcceptWhenDown}); err == nil {
		t.Error("a plain http server outside loopback was taken")
	}
}
