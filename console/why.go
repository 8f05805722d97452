package console

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/admit-go/admit"
)

// reason is an answer to "why could she not sign in?".
type reason struct {
	Text string
	// At is when it happened; zero for what holds now.
	At time.Time
	// Stops says that the reason stops a sign-in now.
	Stops bool
}

// facts are what an event tells beside its kind.
func facts(e admit.Event) map[string]any {
	read := map[string]any{}
	_ = json.Unmarshal(e.Data, &read) // an event without facts
	return read
}

func fact(e admit.Event, name string) string {
	text, _ := facts(e)[name].(string)
	return text
}

// times is how often it happened that the event stands for.
func times(e admit.Event) int {
	if n, ok := facts(e)["count"].(float64); ok && n >= 1 {
		return int(n)
	}
	return 1
}

// why says in words what may have kept a person out: first what holds now, then what
// the events since the last sign-in tell, the newest first.
func (v *visit) why(p admit.User, newest []admit.Event) []reason {
	var found []reason
	say := func(at time.Time, stops bool, key string, values ...any) {
		found = append(found, reason{v.words.Say("why."+key, values...), at, stops})
	}
	now := v.config.Now()
	switch {
	case p.Banned(now) && p.BanExpiresAt.IsZero():
		say(p.BannedAt, true, "banned", "reason", or(p.BanReason, "–"))
	case p.Banned(now):
		say(p.BannedAt, true, "banned-until", "reason", or(p.BanReason, "–"), "until", p.BanExpiresAt.UTC().Format("2006-01-02 15:04 UTC"))
	}
	if p.EmailVerifiedAt.IsZero() && (v.config.RequireVerifiedEmail || v.config.PrivateSignUp) {
		say(time.Time{}, true, "unverified")
	}
	if required := v.config.MFA.Required; !p.MFAEnabled && (required == admit.RequiredOfEveryone || required != "" && required == p.Role) {
		say(time.Time{}, true, "no-factor")
	}
	failed, last := 0, time.Time{}
	for _, e := range newest {
		switch e.Kind {
		case "session.created":
			say(e.At, false, "signed-in", "methods", fact(e, "methods"))
			return counted(v, found, failed, last)
		case "signin.failed":
			if failed += times(e); last.IsZero() {
				last = e.At
			}
		case "limit.reached":
			say(e.At, false, "limit", "budget", fact(e, "budget"))
		case "session.paused":
			say(e.At, false, "paused")
		case "password.leaked":
			say(e.At, true, "leaked")
		case "password.changed":
			say(e.At, false, "password-changed")
		case "email.changed":
			say(e.At, false, "email-changed")
		case "mfa.reset":
			say(e.At, false, "factors-reset")
		case "refresh.reused":
			say(e.At, false, "reused")
		case "session.ended":
			say(e.At, false, "ended", "reason", v.view.Or("ended.", fact(e, "reason")))
		case "mail.requested":
			if kind := fact(e, "mail"); strings.Contains(kind, "reset") || strings.Contains(kind, "magic") {
				say(e.At, false, "mailed", "mail", v.view.Or("mail.", kind))
			}
		}
		if len(found) >= listed {
			break
		}
	}
	found = counted(v, found, failed, last)
	if len(found) == 0 {
		say(time.Time{}, false, "nothing")
	}
	return found
}

// counted puts the failed attempts before the rest of what happened.
func counted(v *visit, found []reason, failed int, last time.Time) []reason {
	if failed == 0 {
		return found
	}
	return append([]reason{{v.words.Say("why.failed", "count", failed), last, false}}, found...)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
