// Package passhash hashes passwords with Argon2id, verifies them, and bounds
// what hashing may cost the process.
//
// Work is counted and equal: Hash, Verify and Waste each run exactly one key
// derivation, whatever they find, unless they refuse before it with ErrTooLong,
// a *BusyError or the error of the context. A sign-in that has no hash to look
// at calls Waste, and so takes as long as any other.
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

// MaxPasswordBytes is the longest password that is hashed at all. It has room
// for 128 characters of any script, combining marks included.
const MaxPasswordBytes = 1024

var (
	// ErrTooLong says that a password is over MaxPasswordBytes. Nothing was hashed.
	ErrTooLong = errors.New("the password is too long to be hashed")

	// ErrBusy matches every *BusyError.
	ErrBusy = errors.New("too many passwords are being hashed")

	// ErrUnrecognised says that a stored string is in no format known here, is
	// damaged, or asks for more work than is allowed. One derivation was spent.
	ErrUnrecognised = errors.New("not a password hash that can be verified")
)

// BusyError refuses work because the queue is full or stood still for too long.
type BusyError struct {
	// RetryAfter is when trying again makes sense.
	RetryAfter time.Duration
}

func (e *BusyError) Error() string { return ErrBusy.Error() }

// Is makes errors.Is(err, ErrBusy) true.
func (e *BusyError) Is(target error) bool { return target == ErrBusy }

// Params are the cost of Argon2id.
type Params struct {
	// MemoryKiB is the memory of one run in KiB; 0 is 19456 (19 MiB).
	MemoryKiB uint32
	// Time is the number of passes over it; 0 is 2.
	Time uint32
	// Threads is the number of lanes; 0 is 1.
	Threads uint8
}

// InsecureParams make a hash in microseconds. They are for tests: such a hash
// protects nothing.
func InsecureParams() Params { return Params{MemoryKiB: 8, Time: 1, Threads: 1} }

// Validate is for configurations, and New leaves it to them. It refuses costs below what OWASP asks for, and above what one sign-in
// may reasonably take.
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

// Limits bound the work in progress. Memory is bounded by Parallel: about twice
// Params.MemoryKiB for each, since the collector needs its turn. A foreign hash
// may take up to 256 MiB for its one run.
type Limits struct {
	// Parallel is how many derivations run at once; 0 is GOMAXPROCS.
	Parallel int
	// Queue is how many more may wait; 0 is 64, negative is none.
	Queue int
	// Wait is how long one waits before it is refused; 0 is 3 seconds, in which
	// two slow processors still get through the whole queue.
	Wait time.Duration
}

// Hasher hashes and verifies. It is safe for concurrent use; a process has one,
// since each bounds only its own work.
type Hasher struct {
	params  Params
	running chan struct{}
	waiting atomic.Int64
	queue   int64
	wait    time.Duration
	runs    atomic.Uint64
	others  []Verifier
}

// New makes a Hasher. Parameters are not judged here: see Params.Validate.
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
	return &Hasher{
		params:  params.withDefaults(),
		running: make(chan struct{}, limits.Parallel),
		queue:   int64(max(limits.Queue, 0)),
		wait:    limits.Wait,
	}
}

// Runs is how many derivations were started. Tests use it to show that every
// path does the same work.
func (h *Hasher) Runs() uint64 { return h.runs.Load() }

// Hash returns a PHC string under the current parameters. Passwords count as
// equal when their NFC forms are.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx, password); err != nil {
		return "", err
	}
	defer h.leave()
	salt := make([]byte, saltBytes)
	rand.Read(salt) // crypto/rand.Read never fails: it ends the program instead
	return encode(h.params, salt, h.argon2id(password, salt)), nil
}

// Verify tells whether a password belongs to a stored hash. With upgrade, it
// does, and the hash is foreign or weaker than the current parameters: hash the
// password again and store the result, unless the stored one has changed.
//
// The one derivation is the stored format's own. A format that costs next to
// nothing, such as a salted digest, is followed by one under the current
// parameters, so that its answer comes no sooner than another. ErrUnrecognised
// still costs one under the current parameters.
func (h *Hasher) Verify(ctx context.Context, encoded, password string) (ok, upgrade bool, err error) {
	stored, err := h.parse(encoded)
	if err != nil {
		if wasted := h.Waste(ctx, password); wasted != nil {
			return false, false, wasted
		}
		return false, false, err
	}
	if err := h.enter(ctx, password); err != nil {
		return false, false, err
	}
	defer h.leave()
	ok = stored.matches(password)
	if stored.quick {
		h.argon2id(password, make([]byte, saltBytes))
	}
	return ok, ok && stored.outdated, nil
}

// Waste runs one derivation under the current parameters for an account that
// does not exist or has no password. The answer is always no.
func (h *Hasher) Waste(ctx context.Context, password string) error {
	if err := h.enter(ctx, password); err != nil {
		return err
	}
	defer h.leave()
	h.argon2id(password, make([]byte, saltBytes))
	return nil
}

// enter takes a place among the running, waiting for it if need be, and counts
// the run that its holder is about to make. Go serves blocked senders in their
// order, so nobody is overtaken. A refusal costs nothing: under attack it is
// what happens most.
func (h *Hasher) enter(ctx context.Context, password string) error {
	if len(password) > MaxPasswordBytes {
		return ErrTooLong
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case h.running <- struct{}{}:
		h.runs.Add(1)
		return nil
	default:
	}
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > h.queue {
		return h.busy()
	}
	patience := time.NewTimer(h.wait)
	defer patience.Stop()
	select {
	case h.running <- struct{}{}:
		h.runs.Add(1)
		return nil
	case <-patience.C:
		return h.busy()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hasher) leave() { <-h.running }

// busy names the time within which the whole queue was served or refused.
func (h *Hasher) busy() error {
	return &BusyError{RetryAfter: max(h.wait, time.Second)}
}

func (h *Hasher) argon2id(password string, salt []byte) []byte {
	return argon2.IDKey(normal(password), salt, h.params.Time, h.params.MemoryKiB, h.params.Threads, keyBytes)
}

// normal is the form in which passwords are compared. Text that is not UTF-8
// is compared as it is.
func normal(password string) []byte {
	if !utf8.ValidString(password) {
		return []byte(password)
	}
	return norm.NFC.Bytes([]byte(password))
}
