package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/store"
)

// demand sends a request and demands success.
func demand(b *testing.B, a *admit.Auth, method, path, body, token string) *httptest.ResponseRecorder {
	b.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer := httptest.NewRecorder()
	a.Handler().ServeHTTP(answer, r)
	if answer.Code != http.StatusOK {
		b.Fatalf("%s %s: %d %s", method, path, answer.Code, answer.Body)
	}
	return answer
}

// entered makes an organisation of an account, and moves the session into it.
func entered(b *testing.B, a *admit.Auth, signed *admit.SignedIn) (organization string) {
	b.Helper()
	made, err := a.Organizations.Create(context.Background(), admit.CreateOrganizationParams{Name: "Acme", OwnerID: signed.User.ID})
	if err != nil {
		b.Fatal(err)
	}
	demand(b, a, http.MethodPost, "/v1/auth/switch-organization", `{"organizationId":"`+made.ID+`"}`, signed.Tokens.AccessToken)
	return made.ID
}

// BenchmarkMeInOrganization compares "me" of a session in an organisation with "me"
// of another session, in turns, by what all threads spent. The metric "ratio" is the
// median of the pairs.
func BenchmarkMeInOrganization(b *testing.B) {
	onEachStore(b, func(b *testing.B, a *admit.Auth) {
		inside := benchmarkUser(b, a)
		entered(b, a, inside)
		outside, err := a.SignUps.Create(context.Background(), admit.SignUpParams{Email: "bob@example.test", Password: "quiet-harbour-lamp", Name: "Bob"})
		if err != nil {
			b.Fatal(err)
		}
		const calls = 500
		took := func(token string) time.Duration {
			before := cpuTime(b)
			for range calls {
				demand(b, a, http.MethodGet, "/v1/auth/me", "", token)
			}
			return cpuTime(b) - before
		}
		took(inside.Tokens.AccessToken)
		took(outside.SignedIn.Tokens.AccessToken)
		b.ResetTimer()
		var ratios []float64
		for range b.N {
			with := took(inside.Tokens.AccessToken)
			ratios = append(ratios, float64(with)/float64(took(outside.SignedIn.Tokens.AccessToken)))
		}
		slices.Sort(ratios)
		b.ReportMetric(ratios[len(ratios)/2], "ratio")
	}, unlimited)
}

// BenchmarkLargeOrganization asks an organisation of 100,000 members for its first
// and its last page, for the members with a role, and to enter it. The metrics are
// the 99th percentiles in milliseconds.
func BenchmarkLargeOrganization(b *testing.B) {
	const members = 100_000
	var records store.Store
	onEachStore(b, func(b *testing.B, a *admit.Auth) {
		signed := benchmarkUser(b, a)
		org := entered(b, a, signed)
		now := time.Now().UTC().Truncate(time.Microsecond)
		for from := 0; from < members; from += 1000 {
			err := records.Tx(context.Background(), func(ctx context.Context, tx store.Store) error {
				for i := from; i < from+1000; i++ {
					id := fmt.Sprintf("01890000-0000-7000-8000-%012d", i)
					email := fmt.Sprintf("member%d@example.test", i)
					if err := tx.CreateUser(ctx, store.User{ID: id, Email: email, EmailKey: email, Name: "Member", Role: admit.RoleUser, CreatedAt: now, UpdatedAt: now}); err != nil {
						return err
					}
					role := admit.RoleMember
					if i%1000 == 7 {
						role = admit.RoleAdmin
					}
					if err := tx.AddMember(ctx, store.Member{OrganizationID: org, UserID: id, Role: role, CreatedAt: now, UpdatedAt: now}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		list := "/v1/organizations/" + org + "/members?limit=50"
		requests := map[string]func(){
			"list": func() { demand(b, a, http.MethodGet, list, "", signed.Tokens.AccessToken) },
			"last": func() {
				demand(b, a, http.MethodGet, list+"&page="+fmt.Sprint(members/50), "", signed.Tokens.AccessToken)
			},
			"search": func() { demand(b, a, http.MethodGet, list+"&role=admin", "", signed.Tokens.AccessToken) },
			"switch": func() {
				demand(b, a, http.MethodPost, "/v1/auth/switch-organization", `{"organizationId":"`+org+`"}`, signed.Tokens.AccessToken)
			},
		}
		b.ResetTimer()
		times := map[string][]time.Duration{}
		for range b.N {
			for name, ask := range requests {
				began := time.Now()
				ask()
				times[name] = append(times[name], time.Since(began))
			}
		}
		for name, all := range times {
			slices.Sort(all)
			b.ReportMetric(float64(all[len(all)*99/100])/1e6, name+"-p99-ms")
		}
	}, unlimited, func(c *admit.Config) { records = c.Store })
}

// BenchmarkInvitationAccepted lets accounts join by a link. The metric "cpu-ms" is
// what all threads spent on one acceptance.
func BenchmarkInvitationAccepted(b *testing.B) {
	onEachStore(b, func(b *testing.B, a *admit.Auth) {
		owner := benchmarkUser(b, a)
		org := entered(b, a, owner)
		people := make([]string, b.N)
		for i := range people {
			user, err := a.Users.Create(context.Background(), admit.CreateUserParams{Email: fmt.Sprintf("p%d@example.test", i), Name: "P", EmailVerified: true, InsecurePassword: "quiet-harbour-lamp"})
			if err != nil {
				b.Fatal(err)
			}
			people[i] = user.ID
		}
		var token string
		b.ResetTimer()
		before := cpuTime(b)
		for i, user := range people {
			if i%10_000 == 0 {
				link, err := a.Invitations.CreateLink(context.Background(), admit.CreateInvitationLinkParams{OrganizationID: org, Role: admit.RoleMember, MaxUses: 10_000})
				if err != nil {
					b.Fatal(err)
				}
				at, err := url.Parse(link.URL)
				if err != nil {
					b.Fatal(err)
				}
				token = strings.TrimPrefix(at.Fragment, "token=")
			}
			if _, err := a.Invitations.Accept(context.Background(), admit.AcceptInvitationParams{Token: token, UserID: user}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(cpuTime(b)-before)/1e6/float64(b.N), "cpu-ms/op")
	}, unlimited)
}

// cpuTime is what all threads of this process have spent.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
