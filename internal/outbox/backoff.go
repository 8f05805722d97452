package outbox

import (
	"math/rand/v2"
	"time"
)

// backOff is how long to wait after a number of tries: about 2 seconds, so that
// somebody who waits for a link is not kept waiting by one hiccup, then three
// times as long each time, up to 3 hours, give or take a third.
func backOff(tries int) time.Duration {
	wait := 2 * time.Second
	for range min(max(tries-1, 0), 9) {
		wait *= 3
	}
	wait = min(wait, 3*time.Hour)
	return wait*2/3 + rand.N(wait*2/3)
}

// reason is an error as the store keeps it: short, and one line.
func reason(err error) string {
	text := []rune(err.Error())
	if len(text) > 300 {
		text = text[:300]
	}
	for i, r := range text {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			text[i] = ' '
		}
	}
	return string(text)
}
