package mailer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/admit-go/admit/mailer"
)

// A mail API over HTTP is a Mailer of a few lines: it hands over the three
// parts as they are, lets the API recognise a repeated message by its ID, and
// tells apart what no later try can mend, what an operator must, and what may
// pass. The status alone does not tell: such APIs answer 422 for a recipient
// that does not exist, and for a sender that is not verified too.
func ExampleFunc_httpAPI() {
	api := httptest.NewServer(http.HandlerFunc(mailAPI))
	defer api.Close()

	client := &http.Client{Timeout: 10 * time.Second}
	send := mailer.Func(func(ctx context.Context, m mailer.Message) error {
		body, err := json.Marshal(map[string]string{
			"from": "App <no-reply@app.example>", "to": m.To, "subject": m.Subject, "text": m.Text, "html": m.HTML,
		})
		if err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, api.URL+"/send", bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer key")
		request.Header.Set("Idempotency-Key", m.ID)
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode < 300 {
			return nil
		}
		var refusal struct{ Reason string }
		_ = json.NewDecoder(io.LimitReader(response.Body, 4096)).Decode(&refusal)
		err = fmt.Errorf("mail API: %s: %s", response.Status, refusal.Reason)
		switch {
		case refusal.Reason == "inactive-recipient" || refusal.Reason == "invalid-recipient":
			return &mailer.PermanentError{Err: err}
		case response.StatusCode < 500 && response.StatusCode != http.StatusTooManyRequests:
			return &mailer.OperatorError{Err: err}
		}
		return err
	})

	message := mailer.Message{ID: "0199", To: "ada@example.com", Subject: "Sign in to App", Text: "https://app.example/…"}
	fmt.Println("sent:", send.Send(context.Background(), message))
	fmt.Println("sent again:", send.Send(context.Background(), message))
	for _, to := range []string{"nobody@example.com", "trial@example.com"} {
		message.ID, message.To = "0200", to
		err := send.Send(context.Background(), message)
		fmt.Println(err, "permanent:", mailer.Permanent(err), "needs an operator:", mailer.NeedsOperator(err))
	}
	// Output:
	// API got 0199 for ada@example.com: Sign in to App
	// sent: <nil>
	// API got 0199 for ada@example.com: Sign in to App
	// sent again: <nil>
	// mail API: 422 Unprocessable Entity: inactive-recipient permanent: true needs an operator: false
	// mail API: 422 Unprocessable Entity: sender-not-verified permanent: false needs an operator: true
}

// mailAPI stands for the provider.
func mailAPI(w http.ResponseWriter, r *http.Request) {
	var mail struct{ To, Subject string }
	body, _ := io.ReadAll(r.Body)
	if err := json.Unmarshal(body, &mail); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	reasons := map[string]string{"nobody@example.com": "inactive-recipient", "trial@example.com": "sender-not-verified"}
	if reason, refused := reasons[mail.To]; refused {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_ = json.NewEncoder(w).Encode(map[string]string{"reason": reason})
		return
	}
	fmt.Printf("API got %s for %s: %s\n", r.Header.Get("Idempotency-Key"), mail.To, mail.Subject)
	w.WriteHeader(http.StatusAccepted)
}
