package admit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// slowReader is a client that takes longer for an export than a request may wait for
// the store.
type slowReader struct {
	once sync.Once
	wait func()
	io.Writer
}

func (s *slowReader) Write(body []byte) (int, error) {
	s.once.Do(s.wait)
	return s.Writer.Write(body)
}

// The time of a request bounds no export: who reads slowly gets it all.
func TestAnExportWaitsForItsReader(t *testing.T) {
	records := memory.New()
	kit := authtest.New(t, func(c *admit.Config) { c.Store = records })
	ann := kit.SignedIn("")
	for i := range 500 { // more than is written at once
		if err := records.AppendEvent(t.Context(), store.Event{ID: fmt.Sprintf("e%03d", i), Kind: "user.renamed", SubjectID: ann.User.ID}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := kit.Auth.Exports.Write(ctx, ann.User.ID, &slowReader{wait: cancel, Writer: io.Discard}); err != nil {
		t.Errorf("the export broke off: %v", err)
	}
}

// AC-167: keys of other people are in no export, and no key shows its hash.
func TestAnExportHasTheOwnKeysAlone(t *testing.T) {
	kit := authtest.New(t)
	ann, bob := kit.SignedIn(admit.RoleAdmin), kit.SignedIn(admit.RoleAdmin)
	for name, owner := range map[string]string{"key of Ann": ann.User.ID, "key of Bob": bob.User.ID, "key of nobody": ""} {
		if _, err := kit.Auth.APIKeys.Create(t.Context(), admit.CreateAPIKeyParams{Name: name, Type: admit.SecretKey, OwnerID: owner}); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := kit.Auth.Exports.Write(t.Context(), ann.User.ID, &out); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "key of Ann") || strings.Contains(text, "key of Bob") || strings.Contains(text, "key of nobody") {
		t.Errorf("the export is %s", text)
	}
}

// breaking is a store whose lists of events break while it is armed.
type breaking struct {
	store.Store
	armed atomic.Bool
}

func (b *breaking) ListEvents(ctx context.Context, q store.EventQuery) ([]store.Event, error) {
	if b.armed.Load() {
		return nil, errors.New("the store is down")
	}
	return b.Store.ListEvents(ctx, q)
}

// An export over HTTP that breaks off in the middle ends the connection: the client
// gets no object that looks complete.
func TestAnExportThatBreaksOffEndsTheConnection(t *testing.T) {
	records := &breaking{Store: memory.New()}
	kit := authtest.New(t, func(c *admit.Config) { c.Store = records })
	ann := kit.SignedIn("")
	server := httptest.NewServer(kit.Auth.Handler())
	defer server.Close()
	records.armed.Store(true)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/auth/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+ann.Tokens.AccessToken)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return // the connection ended before the headers
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err == nil {
		t.Errorf("the client takes it for complete: %d %s", answer.StatusCode, body)
	}
}
