package webhook

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// pauses returns the pauses between the attempts to deliver a message: about three
// days in all.
func pauses() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

// MaxRetryAfter is the longest pause that a receiver can ask for.
const MaxRetryAfter = 24 * time.Hour

// Pause returns the pause after a number of failed attempts, which varies by up to a
// fifth, so that messages that failed together do not come again together. It
// returns false if there is no other attempt.
func Pause(attempts int) (time.Duration, bool) {
	all := pauses()
	if attempts > len(all) {
		return 0, false
	}
	pause := all[max(attempts, 1)-1]
	return pause + rand.N(pause/5+1), true
}

// RetryAfter reads the header Retry-After of an answer: a number of seconds or a
// date. It returns 0 without such a header, and at most MaxRetryAfter.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if strings.Trim(text, "0123456789") == "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds > int64(MaxRetryAfter/time.Second) {
			return MaxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), MaxRetryAfter)
}
