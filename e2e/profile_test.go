package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// The parts of an account under /v1/users/{userId}, each with a change that succeeds.
var personalParts = map[string]harness.J{
	"/profile":         {"nickname": "ann", "bio": "Hello."},
	"/preferences":     {"locale": "de-AT", "timezone": "Europe/Vienna"},
	"/notifications":   {"marketing": true, "securityAlerts": false},
	"/onboarding":      {"status": "in_progress", "data": harness.J{"a": 1}},
	"/public-settings": {"slug": "ann-lee", "isPublic": true},
}

var _ = func() bool {
	for part, body := range personalParts {
		own := func(_ *harness.Server, p *heldPerson) map[string]string { return map[string]string{"userId": p.ID} }
		feeds.add(feed{
			route: "PATCH /v1/users/{userId}" + part,
			prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
				if part == "/public-settings" {
					return own(s, p), harness.J{"slug": "s-" + p.ID[:36]}
				}
				return own(s, p), body
			},
		}, feed{
			route:   "GET /v1/users/{userId}" + part,
			prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) { return own(s, p), nil },
		})
	}
	return true
}()

var _ = feeds.add(feed{
	route: "GET /v1/profiles/{slug}",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		slug := "p-" + p.ID
		publish(s, p.ID, slug)
		return map[string]string{"slug": slug}, nil
	},
})

var _ = faultFlows.add(faultFlow{
	name:  "change a profile",
	calls: 4,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		profile, err := a.Profiles.Update(ctx, admit.UpdateProfileParams{UserID: p.signed.User.ID, Nickname: admit.Some("ann"), Bio: admit.Some("Hello.")})
		return profile.Bio == "Hello.", err
	},
	done: func(s *harness.Server, p *subject) bool {
		profile, err := s.Auth.Profiles.Get(s.T.Context(), p.signed.User.ID)
		return err == nil && profile.Bio == "Hello." && profile.Nickname == "ann"
	},
}, faultFlow{
	name:  "make a profile public",
	calls: 4,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		settings, err := a.Profiles.UpdatePublicSettings(ctx, admit.UpdatePublicSettingsParams{UserID: p.signed.User.ID, Slug: admit.Some("s-" + p.signed.User.ID), IsPublic: admit.Some(true)})
		return settings.IsPublic, err
	},
	done: func(s *harness.Server, p *subject) bool {
		profile, err := s.Auth.Profiles.Public(s.T.Context(), "s-"+p.signed.User.ID)
		return err == nil && profile.ID == p.signed.User.ID
	},
}, faultFlow{
	name:  "switch security alerts off",
	calls: 4,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		set, err := a.Profiles.UpdateNotifications(ctx, admit.UpdateNotificationsParams{UserID: p.signed.User.ID, SecurityAlerts: admit.Some(false), SMS: admit.Some(true)})
		return err == nil && !set.SecurityAlerts && set.SMS, err
	},
	done: func(s *harness.Server, p *subject) bool {
		set, err := s.Auth.Profiles.Notifications(s.T.Context(), p.signed.User.ID)
		return err == nil && !set.SecurityAlerts && set.SMS
	},
})

// publish makes the profile of an account public.
func publish(s *harness.Server, id, slug string) {
	s.T.Helper()
	_, err := s.Auth.Profiles.UpdatePublicSettings(s.T.Context(), admit.UpdatePublicSettingsParams{UserID: id, Slug: admit.Some(slug), IsPublic: admit.Some(true)})
	if err != nil {
		s.T.Fatal(err)
	}
}

// personalOf returns every part of an account as an administrator sees it.
func personalOf(s *harness.Server, id string, admin harness.Set) (all []string) {
	s.T.Helper()
	for part := range personalParts {
		all = append(all, part+" "+string(s.Do("GET", users+"/"+id+part, nil, admin).Want(http.StatusOK).Body))
	}
	slices.Sort(all)
	return all
}

// A key that is left out stays, null clears, and other answers show the same.
func TestAPersonSaysWhatThereIsToSay(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "ann@x.test")
		as, path := harness.Bearer(p.Access), users+"/"+p.ID
		patch := func(part string, body any) *harness.Answer {
			return s.Do("PATCH", path+part, body, as).Want(http.StatusOK)
		}
		got := s.Do("GET", path+"/profile", nil, as).Want(http.StatusOK)
		if got.String("id") != p.ID || got.String("email") != "ann@x.test" || got.String("name") != "Ada Lovelace" || got.Get("bio") != nil || got.Get("socialLinks", "github") != nil || got.Get("image") != nil {
			t.Errorf("the first profile is %s", got.Body)
		}
		s.Clock.Advance(time.Minute)
		got = patch("/profile", harness.J{
			"name": " Ann  Lee ", "nickname": "ann", "mobile": "+49 151 123-456.78", "gender": "etc", "bio": "One\r\ntwo \U0001f30d",
			"socialLinks": harness.J{"github": "https://github.com/ann", "twitter": "https://x.com/\u00e4nn"},
		})
		if got.String("name") != "Ann  Lee" || got.String("mobile") != "+4915112345678" || got.String("bio") != "One\ntwo \U0001f30d" || got.Get("socialLinks", "twitter") != "https://x.com/%C3%A4nn" {
			t.Errorf("the profile is %s", got.Body)
		}
		if !strings.HasPrefix(got.String("updatedAt"), s.Clock.Now().UTC().Format("2006-01-02T15:04:05")) {
			t.Errorf("the profile was changed at %s", got.String("updatedAt"))
		}
		got = patch("/profile", harness.J{"gender": nil, "socialLinks": harness.J{"github": nil}})
		if got.String("nickname") != "ann" || got.Get("gender") != nil || got.Get("socialLinks", "github") != nil || got.Get("socialLinks", "twitter") == nil {
			t.Errorf("the profile is %s", got.Body)
		}
		if got = patch("/profile", harness.J{"socialLinks": nil, "nickname": nil, "bio": ""}); got.Get("socialLinks", "twitter") != nil || got.Get("nickname") != nil || got.Get("bio") != nil {
			t.Errorf("the profile is %s", got.Body)
		}
		patch("/profile", harness.J{"nickname": "ann"})
		if me := s.Me(p.Access).Want(http.StatusOK); me.String("name") != "Ann  Lee" || me.String("nickname") != "ann" {
			t.Errorf("the account is %s", me.Body)
		}
		s.Do("PATCH", path, harness.J{"name": "Ann"}, as).Want(http.StatusOK)
		if got = s.Do("PATCH", path+"/profile", nil, as).Want(http.StatusOK); got.String("name") != "Ann" {
			t.Errorf("the profile has another name than the account: %s", got.Body)
		}

		if got = s.Do("GET", path+"/preferences", nil, as).Want(http.StatusOK); got.Get("locale") != nil || got.Get("timezone") != nil || got.Get("theme") != nil {
			t.Errorf("the first preferences are %s", got.Body)
		}
		got = patch("/preferences", harness.J{"locale": "ZH_hant-hk", "timezone": "europe/vienna", "theme": "dark"})
		if got.String("locale") != "zh-Hant-HK" || got.String("timezone") != "Europe/Vienna" || got.String("theme") != "dark" {
			t.Errorf("the preferences are %s", got.Body)
		}
		if got = patch("/preferences", harness.J{"timezone": nil}); got.String("locale") != "zh-Hant-HK" || got.Get("timezone") != nil || got.String("theme") != "dark" {
			t.Errorf("the preferences are %s", got.Body)
		}

		if got = s.Do("GET", path+"/notifications", nil, as).Want(http.StatusOK); string(got.Body) != `{"service":true,"marketing":false,"push":true,"email":true,"sms":false,"nightTime":false,"securityAlerts":true}` {
			t.Errorf("the first notifications are %s", got.Body)
		}
		if got = patch("/notifications", harness.J{"service": false, "marketing": true, "push": false, "sms": true}); string(got.Body) != `{"service":false,"marketing":true,"push":false,"email":true,"sms":true,"nightTime":false,"securityAlerts":true}` {
			t.Errorf("the notifications are %s", got.Body)
		}
		if got = patch("/notifications", harness.J{"service": nil, "marketing": nil}); got.Get("service") != true || got.Get("marketing") != false || got.Get("push") != false {
			t.Errorf("null is no default: %s", got.Body)
		}

		if got = s.Do("GET", path+"/onboarding", nil, as).Want(http.StatusOK); string(got.Body) != `{"status":"pending","step":null,"data":null}` {
			t.Errorf("the first onboarding is %s", got.Body)
		}
		exact := `{ "b":1.50, "a":[12345678901234567890,"\u00e4\/"],  "n":null}`
		if got = patch("/onboarding", `{"status":"in_progress","step":"team","data":`+exact+`}`); string(got.Body) != `{"status":"in_progress","step":"team","data":`+exact+`}` {
			t.Errorf("the onboarding is %s", got.Body)
		}
		if got = patch("/onboarding", harness.J{"status": "completed"}); !strings.Contains(string(got.Body), exact) {
			t.Errorf("the data is lost: %s", got.Body)
		}
		if me := s.Me(p.Access).Want(http.StatusOK); me.String("onboardingStatus") != "completed" {
			t.Errorf("the account is %s", me.Body)
		}
		if got = patch("/onboarding", harness.J{"status": nil, "step": nil, "data": nil}); string(got.Body) != `{"status":"pending","step":null,"data":null}` {
			t.Errorf("the onboarding is %s", got.Body)
		}
		changes := s.Events(p.ID, "profile.changed")
		if len(changes) == 0 {
			t.Fatal("no change was recorded")
		}
		for _, e := range changes {
			if strings.Contains(string(e.Data), "15112345678") || strings.Contains(string(e.Data), "Vienna") {
				t.Errorf("the event holds a value: %s", e.Data)
			}
		}
		before := len(changes)
		patch("/profile", harness.J{"nickname": "ann"})
		if after := s.Events(p.ID, "profile.changed"); len(after) != before {
			t.Error("what changes nothing was recorded")
		}
	})
}

// What a person says is bounded, in characters, and each field has its reason.
func TestWhatAPersonSaysIsBounded(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("ann@x.test")
		as, path := harness.Bearer(p.Access), users+"/"+p.ID
		before := personalOf(s, p.ID, as)
		long := func(n int) string { return strings.Repeat("\U0001f30d", n) }
		https := "https://a.example/" + strings.Repeat("a", 300)
		for _, c := range []struct {
			part, code string
			field      string
			values     []any
		}{
			{"/profile", "user/invalid-name", "name", []any{"", " ", nil, long(101), "a\u202eb", "a\nb"}},
			{"/profile", "user/invalid-nickname", "nickname", []any{"", " ", long(51), "a\u2066b", "a\x7fb"}},
			{"/profile", "user/invalid-request", "mobile", []any{"", "015112345678", "+0151123456", "+49", "+491511234567890123", "+49x1511234567", "+49(0)151123456", "+\u0664\u0669151123456"}},
			{"/profile", "user/invalid-request", "gender", []any{"", "other", "Male"}},
			{"/profile", "user/invalid-request", "bio", []any{long(501), "a\x1bb", "a\u202eb"}},
			{"/profile", "user/invalid-request", "socialLinks.github", []any{
				"", "http://github.com/ann", "javascript:alert(1)", "data:text/html,x", "github.com/ann", "//github.com/ann", "https:///ann", "https:github.com", "https://ann:x@github.com/", "https://github.com@evil.example/",
				"https://evil.example\\@github.com", "https://github.com/a b", "https://github.com/\na", "https://g\u0456thub.com/ann", https, "https://", "https://:443/",
			}},
			{"/preferences", "user/invalid-request", "locale", []any{"", "d", "english", "de-", "en-GB-oed", "../en", strings.Repeat("de-", 30)}},
			{"/preferences", "user/invalid-request", "timezone", []any{"", "Local", "Vienna", "+02:00", "../../etc/passwd", "Europe/Vienna\n"}},
			{"/preferences", "user/invalid-request", "theme", []any{"", "Dark", "blue"}},
			{"/onboarding", "user/invalid-request", "status", []any{"", "done"}},
			{"/onboarding", "user/invalid-request", "step", []any{"", long(101), "a\nb"}},
			{"/onboarding", "user/invalid-request", "data", []any{strings.Repeat("a", 16<<10)}},
			{"/public-settings", "user/invalid-request", "slug", []any{"", "ab", strings.Repeat("a", 41), "Ann", "ann_lee", "ann.lee", "\u00e4nn", "ann\n", "a/b", "admin", "settings", "..."}},
		} {
			for _, value := range c.values {
				var body any = harness.J{c.field: value}
				if _, member, nested := strings.Cut(c.field, "."); nested {
					body = harness.J{"socialLinks": harness.J{member: value}}
				}
				got := s.Do("PATCH", path+c.part, body, as).Want(http.StatusBadRequest, c.code)
				if reason, _ := got.Get("error", "details", c.field).(string); reason == "" {
					t.Errorf("%s %q: no reason in %s", c.field, value, got.Body)
				}
			}
		}
		got := s.Do("PATCH", path+"/profile", harness.J{"name": "", "nickname": "", "gender": "x"}, as).Want(http.StatusBadRequest, "user/invalid-name")
		if details, _ := got.Get("error", "details").(map[string]any); len(details) != 3 {
			t.Errorf("three fields are wrong, and the answer says %s", got.Body)
		}
		s.Do("PATCH", path+"/public-settings", harness.J{"isPublic": true}, as).Want(http.StatusBadRequest, "user/invalid-request")
		for part, bodies := range map[string][]string{
			"/profile": {`{"name":1}`, `{"socialLinks":"x"}`, `{"socialLinks":[]}`, `{"bio":"\u0000"}`, `[]`, `{"bio":"a","bio":"b"}`}, "/notifications": {`{"push":"no"}`, `{"push":0}`},
			"/public-settings": {`{"isPublic":"true"}`}, "/preferences": {`{"theme":{}}`}, "/onboarding": {`{"step":2}`, `{"data":{"a":"\u0000"}}`, `{"data":{"a":1,"a":2}}`},
		} {
			for _, body := range bodies {
				s.Do("PATCH", path+part, body, as).Want(http.StatusBadRequest, "user/invalid-request")
			}
		}
		if after := personalOf(s, p.ID, as); !slices.Equal(before, after) {
			t.Errorf("the account was\n%v\nand is\n%v", before, after)
		}
		for part, body := range map[string]harness.J{
			"/profile":         {"name": long(100), "nickname": long(50), "bio": long(500), "mobile": "+2901234", "socialLinks": harness.J{"github": https[:300]}},
			"/onboarding":      {"step": long(100), "data": strings.Repeat("a", 16<<10-2)},
			"/public-settings": {"slug": strings.Repeat("a-9", 13) + "z"},
		} {
			s.Do("PATCH", path+part, body, as).Want(http.StatusOK)
		}
		s.Do("PATCH", path+"/public-settings", harness.J{"slug": "abc", "isPublic": true}, as).Want(http.StatusOK)
		s.Do("PATCH", path+"/public-settings", harness.J{"slug": nil}, as).Want(http.StatusBadRequest, "user/invalid-request")
		s.Do("PATCH", path+"/public-settings", harness.J{"slug": nil, "isPublic": false}, as).Want(http.StatusOK)
	})
}

// Fifty changes of different fields at once, in two processes: none is lost.
func TestNoChangeOfAProfileIsLost(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "ann@x.test")
		processes := []*harness.Server{s, s.Process()}
		type change struct {
			part string
			body harness.J
		}
		changes := []change{
			{"/profile", harness.J{"name": "Ann Lee"}}, {"/profile", harness.J{"nickname": "ann"}}, {"/profile", harness.J{"mobile": "+4915112345678"}}, {"/profile", harness.J{"gender": "etc"}}, {"/profile", harness.J{"bio": "Hello."}},
			{"/profile", harness.J{"socialLinks": harness.J{"github": "https://g.example/"}}}, {"/profile", harness.J{"socialLinks": harness.J{"twitter": "https://t.example/"}}}, {"/profile", harness.J{"socialLinks": harness.J{"linkedin": "https://l.example/"}}},
			{"/preferences", harness.J{"locale": "de"}}, {"/preferences", harness.J{"timezone": "Asia/Tokyo"}}, {"/preferences", harness.J{"theme": "dark"}},
			{"/notifications", harness.J{"service": false}}, {"/notifications", harness.J{"marketing": true}}, {"/notifications", harness.J{"push": false}}, {"/notifications", harness.J{"email": false}},
			{"/notifications", harness.J{"sms": true}}, {"/notifications", harness.J{"nightTime": true}}, {"/notifications", harness.J{"securityAlerts": false}},
			{"/onboarding", harness.J{"status": "in_progress"}}, {"/onboarding", harness.J{"step": "team"}}, {"/onboarding", harness.J{"data": "kept"}},
			{"/public-settings", harness.J{"slug": "ann-lee"}}, {"", harness.J{"name": "Ann Lee"}},
		}
		for _, answer := range harness.Parallel(50, func(i int) *harness.Answer {
			c := changes[i%len(changes)]
			return processes[i%2].Do("PATCH", users+"/"+p.ID+c.part, c.body, harness.Bearer(p.Access))
		}) {
			answer.Want(http.StatusOK)
		}
		all := strings.Join(personalOf(s, p.ID, harness.Bearer(p.Access)), "\n")
		for _, want := range []string{
			`"name":"Ann Lee"`, `"nickname":"ann"`, `"+4915112345678"`, `"etc"`, `"Hello."`, `g.example`, `t.example`, `l.example`, `"de"`, `Asia/Tokyo`, `"dark"`,
			`{"service":false,"marketing":true,"push":false,"email":false,"sms":true,"nightTime":true,"securityAlerts":false}`, `"in_progress"`, `"team"`, `"kept"`, `"ann-lee"`,
		} {
			if !strings.Contains(all, want) {
				t.Errorf("%s is lost:\n%s", want, all)
			}
		}
	})
}

// Of many accounts that want a slug at once, in two processes, one gets it, and a slug
// that is given up is free.
func TestASlugBelongsToOneAccount(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		const racers = 8
		processes := []*harness.Server{s, s.Process()}
		var people [racers]harness.Person
		for i := range people {
			people[i] = s.SignUp(fmt.Sprintf("u%d@x.test", i))
		}
		want := func(i int, body harness.J) *harness.Answer {
			return processes[i%2].Do("PATCH", users+"/"+people[i].ID+"/public-settings", body, harness.Bearer(people[i].Access))
		}
		for round, first := range []bool{true, false} {
			// In the first round nobody has a record, in the second everybody has.
			slug := fmt.Sprintf("the-one-%d", round)
			winner := -1
			for i, answer := range harness.Parallel(racers, func(i int) *harness.Answer { return want(i, harness.J{"slug": slug, "isPublic": true}) }) {
				switch {
				case answer.Status == http.StatusOK && winner < 0:
					winner = i
				case answer.Status == http.StatusOK:
					t.Errorf("%d and %d have the slug", winner, i)
				default:
					answer.Want(http.StatusConflict, "user/slug-taken")
				}
			}
			if winner < 0 {
				t.Fatal("nobody got the slug")
			}
			if got := s.Do("GET", "/v1/profiles/"+slug, nil).Want(http.StatusOK); got.String("id") != people[winner].ID {
				t.Errorf("the slug leads to %s", got.Body)
			}
			if !first {
				want(winner, harness.J{"slug": "another"}).Want(http.StatusOK)
				want((winner+1)%racers, harness.J{"slug": slug}).Want(http.StatusOK)
				want(winner, harness.J{"slug": slug}).Want(http.StatusConflict, "user/slug-taken")
				continue
			}
			for i := range people {
				want(i, harness.J{"slug": fmt.Sprintf("own-%d", i), "isPublic": true}).Want(http.StatusOK)
			}
		}
		// Two who exchange their slugs at once do not wait for each other for ever.
		want(0, harness.J{"slug": "left-one"}).Want(http.StatusOK)
		want(1, harness.J{"slug": "right-one"}).Want(http.StatusOK)
		for _, answer := range harness.Parallel(2, func(i int) *harness.Answer { return want(i, harness.J{"slug": []string{"right-one", "left-one"}[i]}) }) {
			if answer.Status != http.StatusOK {
				answer.Want(http.StatusConflict, "user/slug-taken")
			}
		}
	})
}

// AC-168, AC-169: own, foreign, deleted and banned accounts by every caller. Foreign
// accounts by users stand in TestAC168_NobodyReachesAnotherAccount.
func TestAC169_APersonHasTheOwnAccountAlone(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		_, reads := s.NewKey("secret", "users:read")
		_, other := s.NewKey("secret", "api-keys:read")
		ann, gone, banned := s.SignUp("ann@x.test"), s.SignUp("gone@x.test"), s.SignUp("banned@x.test")
		publish(s, gone.ID, "gone-one")
		publish(s, banned.ID, "banned-one")
		if err := s.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: gone.ID}); err != nil {
			t.Fatal(err)
		}
		s.Ban(banned.ID)
		before := everyAccount(s)
		tried := 0
		for _, r := range s.Auth.Routes() {
			part, ok := strings.CutPrefix(r.Path, users+"/{userId}")
			if _, personal := personalParts[part]; !ok || !personal {
				continue
			}
			tried++
			at := func(id string) string { return users + "/" + id + part }
			body := massAssignmentTo(r)
			if fields, ok := body.(harness.J); ok {
				delete(fields, "name") // which owners change
			}
			s.Do(r.Method, at(ann.ID), body, harness.Bearer(ann.Access)).Want(http.StatusOK)
			s.Do(r.Method, at(ann.ID), body, admin).Want(http.StatusOK)
			s.Do(r.Method, at(banned.ID), body, admin).Want(http.StatusOK)
			s.Do(r.Method, at(banned.ID), body, harness.Bearer(banned.Access)).Want(http.StatusForbidden, "auth/account-banned")
			s.Do(r.Method, at(gone.ID), body, admin).Want(http.StatusNotFound, "user/not-found")
			s.Do(r.Method, at(gone.ID), body, harness.Bearer(gone.Access)).Want(http.StatusUnauthorized, "auth/user-not-found")
			s.Do(r.Method, at("0194f000-0000-7000-8000-0000000000ff"), body, admin).Want(http.StatusNotFound, "user/not-found")
			s.Do(r.Method, at("x"), body, admin).Want(http.StatusNotFound, "user/not-found")
			s.Do(r.Method, at(ann.ID), body, harness.Key(other)).Want(http.StatusForbidden, "auth/scope-insufficient")
			if r.Method == http.MethodGet {
				s.Do(r.Method, at(ann.ID), nil, harness.Key(reads)).Want(http.StatusOK)
			} else {
				s.Do(r.Method, at(ann.ID), body, harness.Key(reads)).Want(http.StatusForbidden, "auth/scope-insufficient")
			}
		}
		if tried != 2*len(personalParts) {
			t.Errorf("%d routes were tried", tried)
		}
		if after := everyAccount(s); !slices.Equal(before, after) {
			t.Errorf("the accounts were\n%v\nand are\n%v", before, after)
		}
		for _, slug := range []string{"gone-one", "banned-one", "nobody", "x", "..%2f..", strings.Repeat("a", 2000), "admin"} {
			s.Do("GET", "/v1/profiles/"+slug, nil).Want(http.StatusNotFound, "user/not-found")
		}
		// The account may be restored, and has its slug until it is purged.
		s.Do("PATCH", users+"/"+ann.ID+"/public-settings", harness.J{"slug": "gone-one"}, harness.Bearer(ann.Access)).Want(http.StatusConflict, "user/slug-taken")
		if err := s.Auth.Users.Purge(t.Context(), gone.ID); err != nil {
			t.Fatal(err)
		}
		s.Do("PATCH", users+"/"+ann.ID+"/public-settings", harness.J{"slug": "gone-one"}, harness.Bearer(ann.Access)).Want(http.StatusOK)
	})
}

// Everybody sees public profiles, and of those what is public alone.
func TestAC170_OthersSeePublicProfilesAlone(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin := s.Admin()
		var ids []string
		for i, name := range []string{"zoe", "Bob", "ann", "Cid", "bob hidden"} {
			p := s.SignUp(fmt.Sprintf("u%d@secret.test", i))
			if _, err := s.Auth.Profiles.Update(t.Context(), admit.UpdateProfileParams{UserID: p.ID, Name: admit.Some(name), Nickname: admit.Some("n-" + name), Bio: admit.Some("secret"), Mobile: admit.Some("+4915112345678")}); err != nil {
				t.Fatal(err)
			}
			publish(s, p.ID, "slug-"+fmt.Sprint(i))
			ids = append(ids, p.ID)
		}
		if _, err := s.Auth.Profiles.UpdatePublicSettings(t.Context(), admit.UpdatePublicSettingsParams{UserID: ids[4], IsPublic: admit.Some(false)}); err != nil {
			t.Fatal(err)
		}
		s.Ban(ids[3])
		caller := harness.Bearer(s.SignUp("caller@x.test").Access)
		for query, want := range map[string][]int{
			"": {0, 1, 2}, "sortBy=name": {2, 1, 0}, "sortBy=name&sortDirection=desc": {0, 1, 2}, "sortDirection=desc": {2, 1, 0}, "search=BO": {1}, "search=bob&searchType=name&sortBy=name": {1},
			"search=secret": {}, "search=u1%40": {}, "search=n-": {}, "search=%25": {}, "limit=2&page=2": {2}, "limit=2&page=2&sortBy=name": {0}, "includeAccounts=true": {0, 1, 2},
		} {
			got := s.Do("GET", users+"?"+query, nil, caller).Want(http.StatusOK)
			var found []string
			for _, item := range got.Items() {
				found = append(found, item["id"].(string))
				if len(item) != 5 || item["slug"] == nil || item["nickname"] == nil {
					t.Errorf("%s shows %v", query, item)
				}
			}
			var wanted []string
			for _, i := range want {
				wanted = append(wanted, ids[i])
			}
			if !slices.Equal(found, wanted) || strings.Contains(string(got.Body), "secret") || strings.Contains(string(got.Body), "1511") {
				t.Errorf("%q finds %s", query, got.Body)
			}
		}
		for _, query := range []string{"sortBy=role", "limit=101", "page=0"} {
			s.Do("GET", users+"?"+query, nil, caller).Want(http.StatusBadRequest, "user/invalid-request")
		}
		s.Do("GET", users+"?sortBy=email", nil, caller).Want(http.StatusForbidden, "user/forbidden")
		got := s.Do("GET", "/v1/profiles/slug-1", nil).Want(http.StatusOK)
		if string(got.Body) != `{"id":"`+ids[1]+`","name":"Bob","nickname":"n-Bob","image":null,"slug":"slug-1"}` {
			t.Errorf("everybody sees %s", got.Body)
		}
		s.Do("GET", "/v1/profiles/slug-4", nil).Want(http.StatusNotFound, "user/not-found")
		s.Do("GET", "/v1/profiles/slug-3", nil, harness.Bearer(admin.Access)).Want(http.StatusNotFound, "user/not-found")
		s.Do("GET", "/v1/profiles/slug-1", nil, harness.Bearer("junk")).Want(http.StatusUnauthorized, "auth/invalid-token")
		if got := s.Do("GET", users+"?limit=100", nil, harness.Bearer(admin.Access)).Want(http.StatusOK); len(got.Items()) != 7 || got.Items()[0]["email"] == nil {
			t.Errorf("an administrator sees %s", got.Body)
		}
	})
}

// The language of the preferences is that of mails.
func TestTheLanguageOfThePreferencesChoosesMails(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "ann@x.test")
		for _, c := range []struct {
			locale  any
			subject string
		}{{"de-AT", "Neues Passwort"}, {"ja", "パスワード"}, {nil, "password"}} {
			s.Do("PATCH", users+"/"+p.ID+"/preferences", harness.J{"locale": c.locale}, harness.Bearer(p.Access)).Want(http.StatusOK)
			s.Mail.Clear()
			s.Do("POST", "/v1/auth/password/reset/request", harness.J{"email": "ann@x.test"}).Want(http.StatusOK)
			if m := letterTo(s, mailer.PasswordReset, "ann@x.test"); !strings.Contains(m.Subject, c.subject) {
				t.Errorf("with the language %v the subject is %q", c.locale, m.Subject)
			}
		}
	}, unlimited)
}

// PR: a thief of a session cannot silence the notices first. It takes a recent proof,
// is told by mail, and switches off what tells of new devices alone.
func TestSecurityAlertsAreSwitchedOffByARecentProofAndToldByMail(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "ann@x.test")
		path := users + "/" + p.ID + "/notifications"
		s.Clock.Advance(11 * time.Minute)
		stolen := harness.Bearer(p.Access)
		s.Do("PATCH", path, harness.J{"sms": true}, stolen).Want(http.StatusOK)
		s.Do("PATCH", path, harness.J{"sms": false, "securityAlerts": false}, stolen).Want(http.StatusForbidden, "auth/reauthentication-required")
		if got := s.Do("GET", path, nil, stolen).Want(http.StatusOK); got.Get("securityAlerts") != true || got.Get("sms") != true {
			t.Errorf("a refusal has changed the notifications to %s", got.Body)
		}
		s.Do("PATCH", path, harness.J{"securityAlerts": true}, stolen).Want(http.StatusOK)
		s.Mail.Clear()
		fresh := harness.Bearer(s.SignIn("ann@x.test", harness.Password).Want(http.StatusOK).Tokens().Access)
		if got := s.Do("PATCH", path, harness.J{"securityAlerts": false}, fresh).Want(http.StatusOK); got.Get("securityAlerts") != false {
			t.Errorf("the notifications are %s", got.Body)
		}
		letterTo(s, mailer.AlertsMuted, "ann@x.test")
		s.Do("PATCH", path, harness.J{"securityAlerts": false, "sms": false}, stolen).Want(http.StatusOK) // no change of the alerts
		s.Mail.Clear()
		s.SignIn("ann@x.test", harness.Password, harness.Header("User-Agent", "curl/8.1")).Want(http.StatusOK)
		resetToken(s, "ann@x.test") // what was queued before it has been sent by then
		for _, m := range s.Mail.Messages() {
			if m.Kind == mailer.NewDevice || m.Kind == mailer.AlertsMuted {
				t.Errorf("%s was mailed", m.Kind)
			}
		}
		s.Do("PATCH", path, harness.J{"securityAlerts": nil}, stolen).Want(http.StatusOK) // on again, without a proof
		s.SignIn("ann@x.test", harness.Password, harness.Header("User-Agent", "Lynx/2.9")).Want(http.StatusOK)
		letterTo(s, mailer.NewDevice, "ann@x.test")
		// An administrator too needs a proof of the own.
		admin := harness.Bearer(s.Admin().Access)
		s.Clock.Advance(11 * time.Minute)
		s.Do("PATCH", path, harness.J{"securityAlerts": false}, admin).Want(http.StatusForbidden, "auth/reauthentication-required")
	}, unlimited)
}

// LK-02: the reader of the mailbox takes over nothing that the registrant has planted,
// above all no switch that silences notices.
func TestLK02_AClaimTakesOverNoProfile(t *testing.T) {
	for name, door := range doors {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			harness.Each(t, func(t *testing.T, s *harness.Server) {
				p := s.SignUp("victim@x.test")
				for part, body := range personalParts {
					s.Do("PATCH", users+"/"+p.ID+part, body, harness.Bearer(p.Access)).Want(http.StatusOK)
				}
				owner := harness.Bearer(door(s, "victim@x.test").Access)
				all := strings.Join(personalOf(s, p.ID, owner), "\n")
				for _, want := range []string{`"nickname":null`, `"bio":null`, `"timezone":null`, `"marketing":false`, `"securityAlerts":true`, `{"status":"pending","step":null,"data":null}`, `{"slug":null,"isPublic":false}`} {
					if !strings.Contains(all, want) {
						t.Errorf("the owner does not find %s in\n%s", want, all)
					}
				}
				s.Do("GET", "/v1/profiles/ann-lee", nil).Want(http.StatusNotFound, "user/not-found")
				if user, err := s.Store.User(t.Context(), "", p.ID); err != nil || user.MuteAlerts || user.Name != "victim" {
					t.Errorf("the account is %+v, %v", user, err)
				}
			}, unlimited)
		})
	}
}

// Nothing of the parts is shown when the account is deleted, and nothing is left when
// it is purged.
func TestAPurgedAccountLeavesNoProfile(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("ann@x.test")
		for part, body := range personalParts {
			s.Do("PATCH", users+"/"+p.ID+part, body, harness.Bearer(p.Access)).Want(http.StatusOK)
		}
		if err := s.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: p.ID}); err != nil {
			t.Fatal(err)
		}
		s.Do("GET", "/v1/profiles/ann-lee", nil).Want(http.StatusNotFound, "user/not-found")
		if err := s.Auth.Users.Purge(t.Context(), p.ID); err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"profile", "preferences", "notifications", "onboarding", "public-settings"} {
			if left, total, err := s.Store.ListRecords(t.Context(), "", kind, "user/"+p.ID, store.Page{Number: 1, Limit: 9}); err != nil || total != 0 {
				t.Errorf("%s: %v, %v", kind, left, err)
			}
		}
	})
}

// Records of a later release are an error, not an empty profile.
func TestARecordOfALaterReleaseIsNoEmptyProfile(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("ann@x.test")
		err := s.Store.CreateRecord(t.Context(), store.Record{Kind: "profile", ID: p.ID, Refs: []string{"user/" + p.ID}, Data: []byte(`{"v":2,"bio":"Hello."}`), CreatedAt: s.Clock.Now(), UpdatedAt: s.Clock.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Auth.Profiles.Get(t.Context(), p.ID); !errors.Is(err, admit.ErrInternal) {
			t.Errorf("reading gives %v", err)
		}
		if _, err := s.Auth.Profiles.Update(t.Context(), admit.UpdateProfileParams{UserID: p.ID, Bio: admit.Some("x")}); !errors.Is(err, admit.ErrInternal) {
			t.Errorf("changing gives %v", err)
		}
	})
}
