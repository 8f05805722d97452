package webhook

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// The example of the Standard Webhooks specification.
func TestASignatureIsThatOfTheSpecification(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	got, err := Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`), secret)
	if err != nil || got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("got %q, %v", got, err)
	}
	two, err := Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`), NewSecret(), secret)
	if err != nil || !strings.HasSuffix(two, " "+got) {
		t.Errorf("with two keys: %q, %v", two, err)
	}
}

func TestAKeyThatCannotBeReadSignsNothing(t *testing.T) {
	for _, keys := range [][]string{nil, {""}, {"whsec_"}, {"whsec_!"}, {"whsk_AAAA"}, {"secret"}, {NewSecret(), "whsec_"}} {
		if got, err := Sign("id", time.Unix(1, 0), nil, keys...); err == nil {
			t.Errorf("the keys %q give %q", keys, got)
		}
	}
}

func TestAFilterNamesKindsGroupsOrEverything(t *testing.T) {
	for _, c := range []struct {
		filter, kind string
		want         bool
	}{
		{"*", "user.created", true}, {"user.created", "user.created", true}, {"user.*", "user.created", true},
		{"user.*", "users.exported", false}, {"user", "user.created", false}, {"us*", "user.created", false},
		{"user.created", "user.created-twice", false}, {"", "user.created", false}, {".*", "user.created", false}, {"mfa.*", "mfa.recovery-code-used", true},
	} {
		if got := Matches([]string{"other", c.filter}, c.kind); got != c.want {
			t.Errorf("%q takes %q: %v", c.filter, c.kind, got)
		}
	}
}

func TestThePausesGrowToADayAndEndAfterThreeDays(t *testing.T) {
	var all time.Duration
	attempts := 0
	for {
		attempts++
		first, again := Pause(attempts)
		if !again {
			break
		}
		seen := map[time.Duration]bool{}
		for range 50 {
			pause, _ := Pause(attempts)
			seen[pause] = true
		}
		if len(seen) < 10 {
			t.Errorf("after %d attempts all pauses are the same", attempts)
		}
		all += first
	}
	if attempts != 10 || all < 72*time.Hour || all > 92*time.Hour {
		t.Errorf("%d attempts in %v", attempts, all)
	}
	if pause, again := Pause(0); !again || pause > 6*time.Second {
		t.Errorf("after no attempt: %v, %v", pause, again)
	}
}

func TestRetryAfterIsReadAndBounded(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, " 7 ": 7 * time.Second, "-5": 0, "soon": 0, "1.5": 0, "99999999999999999999999": MaxRetryAfter, "864000": MaxRetryAfter,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Thu, 01 Jan 2026 03:05:05 GMT": 0, "Fri, 02 Jan 2099 03:05:05 GMT": MaxRetryAfter,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestATargetIsPublicAndHTTPS(t *testing.T) {
	for _, target := range []string{
		"https://hooks.example/", "https://hooks.example:8443/in?x=%2f", "https://hooks.example./", "https://93.184.216.34/", "https://[2606:2800:220:1::1]/", "https://a.0x.example/",
	} {
		if err := CheckTarget(target, false); err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
	for _, target := range []string{"http://127.0.0.1:8080/", "http://localhost:8080/", "https://10.0.0.1/", "https://localhost/", "https://printer.local/"} {
		if CheckTarget(target, false) == nil {
			t.Errorf("%s is taken", target)
		}
		if err := CheckTarget(target, true); err != nil {
			t.Errorf("%s with private addresses: %v", target, err)
		}
	}
	for _, target := range []string{"http://10.0.0.1/", "https://169.254.169.254/", "http://hooks.example/", "https://2130706433/", "https://[fe80::1]/"} {
		if CheckTarget(target, true) == nil {
			t.Errorf("%s is taken with private addresses", target)
		}
	}
	if err := CheckTarget("https://user:pw@hooks.example/", false); err == nil || !strings.Contains(err.Error(), "no user name") {
		t.Errorf("a URL with a user name: %v", err)
	}
}
