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
// tells refusals that no later try can mend from those that one may.
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
		switch response.StatusCode {
		case http.StatusOK, http.StatusAccepted:
			return nil
		case http.StatusBadRequest, http.StatusUnprocessableEntity:
			return &mailer.PermanentError{Err: fmt.Errorf("mail API: %s", response.Status)}
		}
		return fmt.Errorf("mail API: %s", response.Status)
	})

	message := mailer.Message{ID: "0199", To: "ada@example.com", Subject: "Sign in to App", Text: "https://app.example/…"}
	fmt.Println("sent:", send.Send(context.Background(), message))
	fmt.Println("sent again:", send.Send(context.Background(), message))
	message.ID, message.To = "0200", "nobody"
	err := send.Send(context.Background(), message)
	fmt.Println(err, "permanent:", mailer.Permanent(err))
	// Output:
	// API got 0199 for ada@example.com: Sign in to App
	// sent: <nil>
	// API got 0199 for ada@example.com: Sign in to App
	// sent again: <nil>
	// mail API: 422 Unprocessable Entity permanent: true
}

// mailAPI stands for the provider.
func mailAPI(w http.ResponseWriter, r *http.Request) {
	var mail struct{ To, Subject string }
	body, _ := io.ReadAll(r.Body)
	if json.Unmarshal(body, &mail) != nil || mail.To == "nobody" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	fmt.Printf("API got %s for %s: %s\n", r.Header.Get("Idempotency-Key"), mail.To, mail.Subject)
	w.WriteHeader(http.StatusAccepted)
}
