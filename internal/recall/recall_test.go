package recall

import (
	"errors"
	"testing"
	"time"
)

func TestAnAnswerIsReadAgainWhenItMayHaveChanged(t *testing.T) {
	var v Value[int]
	at, down := time.Unix(1e9, 0), errors.New("down")
	reads := 0
	ask := func(now time.Time, err error) (int, error) {
		return v.Within(now, time.Minute, func() (int, error) {
			reads++
			return reads, err
		})
	}
	for _, try := range []struct {
		name string
		now  time.Time
		err  error
		want int
	}{
		{"a failure", at, down, 1},
		{"after a failure", at, nil, 2},
		{"within the time", at.Add(time.Minute - 1), nil, 2},
		{"after the time", at.Add(time.Minute), nil, 3},
		{"when the clock has gone back", at, nil, 4},
	} {
		if got, err := ask(try.now, try.err); !errors.Is(err, try.err) || got != try.want {
			t.Errorf("%s: %d, %v, want %d", try.name, got, err, try.want)
		}
	}
	v.Forget()
	if got, _ := ask(at, nil); got != 5 {
		t.Errorf("after a change: %d", got)
	}
	// What was being read when the change was made is not remembered.
	_, _ = v.Within(at.Add(time.Hour), time.Minute, func() (int, error) {
		v.Forget()
		return 0, nil
	})
	if got, _ := ask(at.Add(time.Hour), nil); got != 6 {
		t.Errorf("what was read during a change was remembered: %d", got)
	}
}
