package admit_test

import (
	"encoding/base32"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit/internal/totp"
)

// The page about second factors shows requests and answers. They are sent here one
// after the other, to one host, and answered as the page says.
func TestThePageOfSecondFactorsShowsWhatHappens(t *testing.T) {
	h := newHost(t)
	values := map[string]string{"EMAIL": "ann@example.test", "PASSWORD": "quiet-harbour-lamp"}
	_, signedUp := h.call(http.MethodPost, "/v1/auth/email/signup", "", map[string]string{"email": values["EMAIL"], "password": values["PASSWORD"], "name": "Ann"})
	values["ACCESS"], _ = signedUp["accessToken"].(string)
	// learn keeps what later requests of the page need.
	var secret []byte
	learn := func(answer map[string]any) {
		if text, ok := answer["secret"].(string); ok {
			secret, _ = base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
		}
		if codes, ok := answer["backupCodes"].([]any); ok {
			values["BACKUP"], _ = codes[0].(string)
		}
		if refusal, ok := answer["error"].(map[string]any); ok {
			details, _ := refusal["details"].(map[string]any)
			values["TICKET"], _ = details["mfaToken"].(string)
		}
	}
	blocks := found("(?s)```http\n(.*?)```", page(t, "docs/mfa.md"))
	if len(blocks) < 9 {
		t.Fatalf("the page shows %d requests", len(blocks))
	}
	for _, block := range blocks {
		request, answer, _ := strings.Cut(block, "\n\n")
		lines := strings.Split(strings.TrimSpace(request), "\n")
		method, path, _ := strings.Cut(lines[0], " ")
		shown := strings.SplitN(strings.TrimSpace(answer), "\n", 2)
		if strings.Contains(request, "mfa/verify") && values["TICKET"] == "" {
			_, paused := h.call(http.MethodPost, "/v1/auth/email/signin", "", map[string]string{"email": values["EMAIL"], "password": values["PASSWORD"]})
			learn(paused)
		}
		var err error
		if values["CODE"], err = totp.Code(secret, totp.Step(h.Clock.Now())); err != nil {
			t.Fatal(err)
		}
		body, token := lines[len(lines)-1], ""
		for name, value := range values {
			body = strings.ReplaceAll(body, "$"+name, value)
		}
		if len(lines) == 3 {
			token = values["ACCESS"]
		}
		status, got := h.call(method, path, token, body)
		if http.StatusText(status) == "" || strings.TrimSpace(shown[0]) != strconv.Itoa(status) {
			t.Errorf("%s answered %d %v, the page says %s", lines[0], status, got, shown[0])
		}
		var want map[string]any
		if err := json.Unmarshal([]byte(shown[1]), &want); err != nil {
			t.Errorf("%s: the page shows no JSON: %v", lines[0], err)
		}
		if names, have := slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)); !slices.Equal(names, have) {
			t.Errorf("%s answers the fields %v, the page says %v", lines[0], have, names)
		}
		values["TICKET"] = ""
		learn(got)
		h.Clock.Advance(30 * time.Second)
	}
}
