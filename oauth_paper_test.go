package admit

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/admit-go/admit/store"
)

// paperProvider is a provider whose codes and id tokens say who the person is:
// "subject address proof".
type paperProvider struct {
	takes time.Duration
}

func (paperProvider) Name() string                     { return "paper" }
func (paperProvider) Credentials() ProviderCredentials { return ProviderCredentials{ClientID: "paper"} }
func (paperProvider) Check() error                     { return nil }

func (paperProvider) Begin(_ context.Context, _ ProviderCredentials, in ProviderRequest) (string, error) {
	return "https://paper.test/?state=" + in.State, nil
}

func (p paperProvider) Finish(ctx context.Context, _ ProviderCredentials, in ProviderAnswer) (ProviderIdentity, error) {
	if p.takes > 0 {
		select {
		case <-time.After(p.takes):
		case <-ctx.Done():
			return ProviderIdentity{}, ctx.Err()
		}
	}
	words := strings.Split(in.Code+in.IDToken, " ")
	if len(words) != 3 {
		return ProviderIdentity{}, ErrInvalidOAuthCode
	}
	return ProviderIdentity{Issuer: "https://paper.test", Subject: words[0], Email: words[1], Proof: AddressProof(words[2])}, nil
}

// OA-11: a provider has ten seconds, and takes none of them from the store.
func TestAC134_AProviderHasTenSecondsOfItsOwn(t *testing.T) {
	for takes, want := range map[time.Duration]string{
		0: "", 9 * time.Second: "", 11 * time.Second: "auth/oauth-callback-failed", time.Hour: "auth/oauth-callback-failed",
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPausing(t, func(c *Config) {
				c.Providers, c.RequestTimeout = []Provider{paperProvider{takes}}, 4*time.Second
			})
			p.strict = false
			began := time.Now()
			status, body := p.post("/v1/auth/paper/callback", `{"idToken":"1 ann@example.com asserted"}`)
			if (want == "") != (status == 200) || !strings.Contains(body, want) || time.Since(began) > 10*time.Second {
				t.Errorf("a provider that takes %v: %d %s after %v", takes, status, body, time.Since(began))
			}
			_ = p.Close(context.Background())
		})
	}
}

// OA-02: the name that a provider posts is kept for a flow of this provider alone,
// until the flow is spent or too old.
func TestOA02_ANameIsKeptForAFlowThatHasNotEnded(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	flow := store.Token{Data: []byte(`{"provider":"apple","purpose":"sign-in"}`), ExpiresAt: now.Add(time.Second)}
	for name, c := range map[string]struct {
		change func(*store.Token)
		want   bool
	}{
		"a flow on its way":          {func(*store.Token) {}, true},
		"a flow of another provider": {func(s *store.Token) { s.Data = []byte(`{"provider":"paper"}`) }, false},
		"a flow that is spent":       {func(s *store.Token) { s.UsedAt = now }, false},
		"a flow that is too old":     {func(s *store.Token) { s.ExpiresAt = now }, false},
		"a flow that cannot be read": {func(s *store.Token) { s.Data = append(s.Data, '}') }, false},
	} {
		state := flow
		c.change(&state)
		if got := awaitsName(&state, "apple", now); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// outrun is a store in which somebody else changes a record before the first write
// of it.
type outrun struct {
	store.Store
	left *int
}

func (o outrun) Tx(ctx context.Context, fn func(ctx context.Context, tx store.Store) error) error {
	return o.Store.Tx(ctx, func(ctx context.Context, tx store.Store) error { return fn(ctx, outrun{tx, o.left}) })
}

func (o outrun) SwapRecord(ctx context.Context, r store.Record) (bool, error) {
	if *o.left > 0 {
		*o.left--
		if now, err := o.Record(ctx, r.Tenant, r.Kind, r.ID); err != nil {
			return false, err
		} else if won, err := o.Store.SwapRecord(ctx, now); err != nil || !won {
			return won, err
		}
	}
	return o.Store.SwapRecord(ctx, r)
}

// OA-14: what a provider tells at a sign-in is kept, though a renewal of the tokens
// changes the identity at the same moment.
func TestOA14_ASignInKeepsWhatItWasToldThoughARenewalIsFaster(t *testing.T) {
	left := 0
	p := newPausing(t, func(c *Config) { c.Store = outrun{c.Store, &left} })
	p.strict = false
	for _, email := range []string{"ann@example.com", "ann@elsewhere.example"} {
		if status, body := p.post("/v1/auth/paper/callback", `{"idToken":"1 `+email+` asserted"}`); status != 200 {
			t.Fatalf("%s: %d %s", email, status, body)
		}
		left++
	}
	if left != 1 {
		t.Fatalf("%d changes are left: one is for nobody's sign-in", left)
	}
	known, err := identityOf(t.Context(), p.store, &ProviderIdentity{Issuer: "https://paper.test", Subject: "1"})
	if err != nil || known.Email != "ann@elsewhere.example" {
		t.Errorf("kept %q, %v", known.Email, err)
	}
}
