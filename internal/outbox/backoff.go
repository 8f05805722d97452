package outbox

import (
	"math/rand/v2"
	"time"
)

// backOff returns the pause after a number of tries. The first pause is about 2
// seconds, so that a short fault does not delay a link much. Each further pause
// is three times as long, up to 3 hours. All pauses vary by a third.
func backOff(tries int) time.Duration {
	wait := 2 * time.Second
	for range min(max(tries-1, 0), 9) {
		wait *= 3
	}
	wait = min(wait, 3*time.Hour)
	return wait*2/3 + rand.N(wait*2/3)
}

// reason returns an error in the form for the store: short, and in one line.
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
