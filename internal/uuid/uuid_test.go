package uuid_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit/internal/uuid"
)

func TestIdentifiersGrowWhileTheClockStandsStill(t *testing.T) {
	var source uuid.Source
	now := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	last := ""
	for i := range 10_000 {
		id := source.New(now)
		if id <= last {
			t.Fatalf("identifier %d: %s is not greater than %s", i, id, last)
		}
		last = id
	}
	if id := source.New(now.Add(-10 * time.Millisecond)); id <= last {
		t.Fatalf("after a small step back %s is not greater than %s", id, last)
	}
}

func TestIdentifiersCarryTheTimeAndVersion(t *testing.T) {
	var source uuid.Source
	id := source.New(time.UnixMilli(0x017F22E279B0))
	if !strings.HasPrefix(id, "017f22e2-79b0-7") {
		t.Fatalf("got %s", id)
	}
	if c := id[19]; c != '8' && c != '9' && c != 'a' && c != 'b' {
		t.Fatalf("variant of %s", id)
	}
}

func TestIdentifiersNeverRepeatAcrossGoroutines(t *testing.T) {
	var source uuid.Source
	var mu sync.Mutex
	seen := map[string]bool{}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 500 {
				id := source.New(time.UnixMilli(1))
				mu.Lock()
				if seen[id[:18]] {
					t.Errorf("time part of %s came twice", id)
				}
				seen[id[:18]] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestParseTakesOneSpellingOnly(t *testing.T) {
	var source uuid.Source
	good := source.New(time.Now())
	raw, ok := uuid.Parse(good)
	if !ok || uuid.Format(raw) != good {
		t.Fatalf("%s does not survive parse and format", good)
	}
	for _, bad := range []string{
		"", strings.ToUpper(good), "{" + good + "}", good + " ", good[:35], good + "0",
		strings.ReplaceAll(good, "-", ""), "g" + good[1:], good[:8] + "_" + good[9:], "\x00" + good[1:],
		strings.Repeat("-", 36),
	} {
		if uuid.Valid(bad) && bad != good {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestTheFirstIdentifierOfATimeStandsBetweenThoseBeforeAndTheOthers(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 123_456_000, time.UTC)
	first := uuid.First(at)
	if !uuid.Valid(first) || uuid.First(time.Time{}) > first {
		t.Errorf("got %s", first)
	}
	for range 100 {
		var before, same uuid.Source // each knows no other time
		if id := before.New(at.Add(-time.Microsecond)); id >= first {
			t.Errorf("%s is of the time before and does not sort before %s", id, first)
		}
		if id := same.New(at); id < first {
			t.Errorf("%s is of the same time and sorts before %s", id, first)
		}
	}
}
