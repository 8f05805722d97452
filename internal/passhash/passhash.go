// Package passhash hashes passwords with Argon2id, verifies them, and limits
// the cost of hashing for the process.
//
// All calls cost the same: Hash, Verify and Waste each run exactly one key
// derivation, unless they refuse before it with ErrTooLong, a *BusyError or the
// error of the context. A sign-in without a stored hash calls Waste and so
// takes the same time.
//
// Every method gets the name of the client that the work is for, or "" for the
// program itself. Clients take turns. Each client may fill only a share of the
// queue.
package passhash

import (
	"context"
	"crypto/rand"
	"errors"
	"runtime"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// MaxPasswordBytes is the length of the longest password that is hashed. 128
// characters of any script fit, with combining marks.
const MaxPasswordBytes = 1024

var (
	// ErrTooLong means that a password is longer than MaxPasswordBytes. Nothing
	// was hashed.
	ErrTooLong = errors.New("the password is too long to be hashed")

	// ErrBusy matches every *BusyError.
	ErrBusy = errors.New("too many passwords are being hashed")

	// ErrUnrecognised means that a stored string is in no known format, is
	// damaged, or needs more work than is allowed. One derivation was run.
	ErrUnrecognised = errors.New("not a password hash that can be verified")
)

// BusyError means that the queue is full, or that the wait in the queue took
// too long.
type BusyError struct {
	// RetryAfter is the time to wait before the next try.
	RetryAfter time.Duration
}

func (e *BusyError) Error() string { return ErrBusy.Error() }

// Is makes errors.Is(err, ErrBusy) true.
func (e *BusyError) Is(target error) bool { return target == ErrBusy }

// Params are the cost of Argon2id.
type Params struct {
	// MemoryKiB is the memory of one run in KiB. 0 means 19456 (19 MiB).
	MemoryKiB uint32
	// Time is the number of passes over the memory. 0 means 2.
	Time uint32
	// Threads is the number of lanes. 0 means 1.
	Threads uint8
}

// InsecureParams make a hash in microseconds, for tests. Such a hash protects
// nothing.
func InsecureParams() Params { return Params{MemoryKiB: 8, Time: 1, Threads: 1} }

// Validate refuses parameters that are weaker than OWASP recommends, and
// parameters that are too expensive for a sign-in. New does not call it.
func (p Params) Validate() error {
	p = p.withDefaults()
	switch work := uint64(p.MemoryKiB) * uint64(p.Time); {
	case p.MemoryKiB < 7168 || work < 35840:
		return errors.New("Argon2id needs at least 19 MiB with two passes, or 7 MiB with five")
	case p.MemoryKiB > maxMemoryKiB || work > maxWorkKiB:
		return errors.New("Argon2id with more than 256 MiB, or 2 GiB over all passes, would stop the server")
	}
	return nil
}

func (p Params) withDefaults() Params {
	if p.MemoryKiB == 0 {
		p.MemoryKiB = 19 * 1024
	}
	if p.Time == 0 {
		p.Time = 2
	}
	if p.Threads == 0 {
		p.Threads = 1
	}
	return p
}

// Limits bound the running work. The memory is about twice Params.MemoryKiB for
// each parallel run, because the garbage collector runs later. A foreign hash
// may need up to 256 MiB for its one run.
type Limits struct {
	// Parallel is the number of derivations that run at once. 0 means
	// GOMAXPROCS.
	Parallel int
	// Queue is the number of derivations that may wait. 0 means 64. A negative
	// number means none.
	Queue int
	// Share is the number of derivations of one client that may wait. 0 means
	// an eighth of the queue, and at least two. A negative number means the
	// whole queue.
	Share int
	// Wait is how long a derivation waits before it is refused. 0 means 3
	// seconds. Two slow processors work through the whole queue in this time.
	Wait time.Duration
}

// Hasher hashes and verifies passwords. It is safe for concurrent use. A
// process has one Hasher, because a Hasher limits only its own work.
type Hasher struct {
	params Params
	queue  queue
	wait   time.Duration
	floor  floor
	runs   atomic.Uint64
	others []Verifier
}

// New makes a Hasher. It does not check the parameters: see Params.Validate.
func New(params Params, limits Limits) *Hasher {
	if limits.Parallel <= 0 {
		limits.Parallel = runtime.GOMAXPROCS(0)
	}
	if limits.Queue == 0 {
		limits.Queue = 64
	}
	if limits.Wait <= 0 {
		limits.Wait = 3 * time.Second
	}
	limits.Queue = max(limits.Queue, 0)
	switch {
	case limits.Share == 0:
		limits.Share = max(limits.Queue/8, 2)
	case limits.Share < 0:
		limits.Share = limits.Queue
	}
	return &Hasher{
		params: params.withDefaults(),
		queue: queue{
			free: limits.Parallel, parallel: limits.Parallel, limit: limits.Queue, share: limits.Share,
			lines: map[string][]*waiter{},
		},
		floor: floor{classes: map[string]time.Duration{}},
		wait:  limits.Wait,
	}
}

// Runs is the number of derivations that were started. Tests use it to show
// that every path does the same work.
func (h *Hasher) Runs() uint64 { return h.runs.Load() }

// Waiting is how many wait for a place. Tests use it to fill the queue.
func (h *Hasher) Waiting() int {
	_, waiting := h.queue.counts()
	return waiting
}

// Hash returns a PHC string under the current parameters. Passwords count as
// equal when their NFC forms are.
func (h *Hasher) Hash(ctx context.Context, client, password string) (string, error) {
	if err := h.enter(ctx, client, password); err != nil {
		return "", err
	}
	defer h.queue.leave()
	salt := make([]byte, saltBytes)
	rand.Read(salt) // crypto/rand.Read never fails: it ends the program
	return encode(h.params, salt, h.argon2id(password, salt)), nil
}

// Verify reports whether a password belongs to a stored hash. upgrade says that
// it does, and that the hash is foreign or weaker than the current parameters.
// The caller should then hash the password again and store the new hash, unless
// the stored one has changed.
//
// Verify runs the derivation of the stored format. After a format that costs
// next to nothing, such as a salted digest, it also runs a derivation with the
// current parameters, so that the answer takes as long as any other. With
// ErrUnrecognised it runs a derivation with the current parameters.
func (h *Hasher) Verify(ctx context.Context, client, encoded, password string) (ok, upgrade bool, err error) {
	stored, err := h.parse(encoded)
	if err != nil {
		if wasted := h.Waste(ctx, client, password); wasted != nil {
			return false, false, wasted
		}
		return false, false, err
	}
	took, err := h.run(ctx, client, password, func() {
		if ok = stored.matches(password); stored.quick {
			h.argon2id(password, make([]byte, saltBytes))
		}
	})
	if err != nil {
		return false, false, err
	}
	h.floor.saw(classOf(encoded), took)
	if !ok {
		h.floor.wait(ctx, took)
	}
	return ok, ok && stored.outdated, nil
}

// Waste runs one derivation with the current parameters, for an account that
// does not exist or has no password. It takes at least as long as the slowest
// format that was verified before, as every refusal of Verify does.
func (h *Hasher) Waste(ctx context.Context, client, password string) error {
	took, err := h.run(ctx, client, password, func() { h.argon2id(password, make([]byte, saltBytes)) })
	if err != nil {
		return err
	}
	h.floor.saw(classOf(encode(h.params, nil, nil)), took)
	h.floor.wait(ctx, took)
	return nil
}

// run waits for a place, runs one derivation, and returns how long the
// derivation took.
func (h *Hasher) run(ctx context.Context, client, password string, derive func()) (took time.Duration, err error) {
	if err := h.enter(ctx, client, password); err != nil {
		return 0, err
	}
	defer h.queue.leave()
	began := time.Now()
	derive()
	return time.Since(began), nil
}

// enter waits for a place among the running derivations and counts the run that
// the caller is about to make. A refusal costs nothing, because under attack it
// is the most frequent result.
func (h *Hasher) enter(ctx context.Context, client, password string) error {
	if len(password) > MaxPasswordBytes {
		return ErrTooLong
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	switch err := h.queue.take(ctx, client, h.wait); {
	case errors.Is(err, ErrBusy):
		return h.busy()
	case err != nil:
		return err
	}
	h.runs.Add(1)
	return nil
}

// busy returns the error with the time in which the whole queue is worked off
// or refused.
func (h *Hasher) busy() error {
	return &BusyError{RetryAfter: max(h.wait, time.Second)}
}

func (h *Hasher) argon2id(password string, salt []byte) []byte {
	return argon2.IDKey(normal(password), salt, h.params.Time, h.params.MemoryKiB, h.params.Threads, keyBytes)
}

// normal returns the form in which passwords are compared. Text that is not
// UTF-8 is not changed.
func normal(password string) []byte {
	if !utf8.ValidString(password) {
		return []byte(password)
	}
	return norm.NFC.Bytes([]byte(password))
}
