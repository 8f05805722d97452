package counterpart

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

// TestWebhooksAreReadByTheLibraryOfNpm: the package standardwebhooks accepts a message
// with the clock of the machine.
func TestWebhooksAreReadByTheLibraryOfNpm(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("no node: apt-get install nodejs npm")
	}
	folder := modules(t)
	type message struct {
		headers map[string]string
		body    string
	}
	got := make(chan message, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		headers := map[string]string{}
		for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			headers[name] = r.Header.Get(name)
		}
		got <- message{headers, string(body)}
	}))
	defer receiver.Close()
	auth, err := admit.New(admit.Config{
		BaseURL: "http://localhost:8080", Secrets: admit.Secrets(secret), Store: memory.New(), Mailer: &mailer.Recorder{},
		Logger: slog.New(slog.DiscardHandler), Webhooks: admit.WebhookConfig{AllowPrivate: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := auth.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	made, err := auth.Webhooks.Create(t.Context(), admit.CreateWebhookParams{URL: receiver.URL, Events: []string{"organization.deleted"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := auth.Webhooks.Test(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	var m message
	select {
	case m = <-got:
	case <-time.After(patience):
		t.Fatal("no message came")
	}
	headers, err := json.Marshal(m.headers)
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(t, "node", "testdata/webhook.mjs", folder, made.Secret, string(headers), m.body)
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Type    string
		Refuses bool
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil || said.Type != "webhook.test" || !said.Refuses {
		t.Errorf("the library says %s, %v", out, err)
	}
}
