package admit_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/store/memory"
)

// BenchmarkUnseenToken compares the guard, on tokens it has not seen, with what
// golang-jwt itself takes to verify the same ones. Both take turns with a few
// tokens each, so that what else the machine does falls on both; the metric is
// the median of the ratios.
func BenchmarkUnseenToken(b *testing.B) {
	const sessions, turn = 1000, 20
	records := memory.New()
	onRecords := onStore(records, nil, olderSecret)
	h, tokens := signedInHost(b, sessions+1, onRecords)
	if err := h.Close(context.Background()); err != nil { // sends the mail of the sign-ups first
		b.Fatal(err)
	}
	key := publicKey(b, h)
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithIssuer("https://app.example"), jwt.WithAudience("https://app.example"),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(h.Clock.Now),
	)
	theirs := func(token string) error {
		_, err := parser.ParseWithClaims(token, &jwt.RegisteredClaims{}, func(*jwt.Token) (any, error) { return key, nil })
		return err
	}
	var guard *admit.Auth
	ours := func(token string) error {
		_, _, err := guard.VerifyToken(b.Context(), token)
		return err
	}
	var ratios []float64
	var spent [2]time.Duration
	for round := 0; b.Loop(); round++ {
		at := round * turn % sessions
		if at == 0 {
			guard = newHost(b, onRecords).Auth // which has seen none of them, but has the key
			if err := ours(tokens[sessions]); err != nil {
				b.Fatal(err)
			}
		}
		var took [2]time.Duration
		for i, verify := range []func(string) error{theirs, ours} {
			began := time.Now()
			for _, token := range tokens[at : at+turn] {
				if err := verify(token); err != nil {
					b.Fatal(err)
				}
			}
			took[i] = time.Since(began)
			spent[i] += took[i]
		}
		ratios = append(ratios, float64(took[1])/float64(took[0]))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "ours/theirs")
	b.ReportMetric(float64(spent[0].Nanoseconds())/float64(len(ratios)*turn), "ns/theirs")
	b.ReportMetric(float64(spent[1].Nanoseconds())/float64(len(ratios)*turn), "ns/ours")
	b.ReportMetric(0, "ns/op")
}

// publicKey reads the key that a host signs with from its JWKS.
func publicKey(t testing.TB, h *host) *ecdsa.PublicKey {
	t.Helper()
	status, jwks := h.call(http.MethodGet, "/.well-known/jwks.json", "", nil)
	if status != http.StatusOK {
		t.Fatal(status)
	}
	point := []byte{4}
	for _, name := range []string{"x", "y"} {
		coordinate, err := base64.RawURLEncoding.DecodeString(jwks["keys"].([]any)[0].(map[string]any)[name].(string))
		if err != nil {
			t.Fatal(err)
		}
		point = append(point, coordinate...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
