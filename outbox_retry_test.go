package admit

import (
	"testing"
	"time"
)

// Whoever waits for a mail waits no longer than that for its second try.
func TestMailTheFirstRetryIsWithinFiveSeconds(t *testing.T) {
	for range 10_000 {
		if wait := backOff(1); wait > 4500*time.Millisecond || wait < time.Second {
			t.Fatalf("the second try is %v after the first", wait)
		}
	}
	if mailPoll > 5*time.Second {
		t.Errorf("a worker of another process looks every %v", mailPoll)
	}
}
