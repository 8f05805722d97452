package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// racers is the number of goroutines in a race.
const racers = 64

// race is a promise that holds for every order of the racers' steps.
type race struct {
	name string
	// setUp makes the records of one contest.
	setUp func(*scene) contest
}

// contest is one round of a race.
type contest struct {
	// act is the call of one racer. It returns how much the racer got.
	act func(racer int) (int, error)
	// least and most are the bounds of what all racers together may get.
	least, most int
	// then, if it is not nil, checks the result of the contest.
	then func()
}

// raceChecks test that verbs are atomic. Each race runs so many rounds.
func raceChecks(rounds int) []check {
	var checks []check
	for _, r := range slices.Concat(races, crossRaces) {
		checks = append(checks, check{r.name, func(s *scene) { r.run(s, rounds) }})
	}
	return checks
}

// run runs the race for so many rounds, each with its own records, and stops
// after the first round that breaks the promise.
func (r race) run(s *scene, rounds int) {
	s.Helper()
	seen := &watched{reporter: s.reporter}
	watchedScene := *s
	watchedScene.reporter = seen
	for round := 0; round < rounds && !seen.failed.Load(); round++ {
		r.runOnce(&watchedScene, round)
	}
}

// runOnce runs one round.
func (r race) runOnce(s *scene, round int) {
	s.Helper()
	c := r.setUp(s)
	got := make([]int, racers)
	errs := together(s, racers, func(racer int) (err error) {
		got[racer], err = c.act(racer)
		return err
	})
	total := 0
	for racer, err := range errs {
		total += got[racer]
		if err != nil {
			s.Errorf("round %d: racer %d failed: %v", round, racer, err)
		}
	}
	if total < c.least || total > c.most {
		s.Errorf("round %d: %d racers got %d, should be %s", round, racers, total, span(c.least, c.most))
	}
	if c.then != nil {
		c.then()
	}
}

// watched is a reporter that remembers whether anything was reported.
type watched struct {
	reporter
	failed atomic.Bool
}

func (w *watched) Errorf(format string, args ...any) {
	w.Helper()
	w.failed.Store(true)
	w.reporter.Errorf(format, args...)
}

// span is how much racers may get, in words.
func span(least, most int) string {
	if least == most {
		return strconv.Itoa(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// together lets so many goroutines act at the same moment and returns their
// errors. Each has read from the store before, so that it does not open its
// connection during the race.
func together(s *scene, number int, act func(i int) error) []error {
	errs := make([]error, number)
	start := make(chan struct{})
	var warm, done sync.WaitGroup
	warm.Add(number)
	for i := range number {
		done.Go(func() {
			_, err := s.store.ListKeys(s.ctx, s.tenant)
			warm.Done()
			if errs[i] = err; err != nil {
				return
			}
			<-start
			errs[i] = act(i)
		})
	}
	warm.Wait()
	close(start)
	done.Wait()
	return errs
}

// won turns the result of a verb into what a racer got.
func won(done bool, err error) (int, error) {
	if done {
		return 1, err
	}
	return 0, err
}

// took turns the error of a verb that makes or changes a record into what a
// racer got. An error that the contract names for losers counts as zero.
func took(err error, losers ...error) (int, error) {
	for _, loser := range losers {
		if errors.Is(err, loser) {
			return 0, nil
		}
	}
	if err != nil {
		return 0, err
	}
	return 1, nil
}
