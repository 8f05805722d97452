// Package passhash hashes passwords with Argon2id, verifies them, and bounds
// what hashing may cost the process.
//
// Work is counted and equal: Hash, Verify and Waste each run exactly one key
// derivation, whatever they find, unless they refuse before it with ErrTooLong,
// a *BusyError or the error of the context. A sign-in that has no hash to look
// at calls Waste, and so takes as long as any other.
//
// Every method names the client that the work is for, "" for the program itself.
// Clients take turns, and each may fill only a share of the queue.
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
	// Share is how many of one client may wait; 0 is an eighth of the queue and
	// at least two, negative is the whole queue.
	Share int
	// Wait is how long one waits before it is refused; 0 is 3 seconds, in which
	// two slow processors still get through the whole queue.
	Wait time.Duration
}

// Hasher hashes and verifies. It is safe for concurrent use; a process has one,
// since each bounds only its own work.
type Hasher struct {
	params Params
	queue  queue
	wait   time.Duration
	floor  floor
	runs   atomic.Uint64
	others []Verifier
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

// Runs is how many derivations were started. Tests use it to show that every
// path does the same work.
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

// Waste runs one derivation under the current parameters for an account that
// does not exist or has no password. The answer is always no. It takes, as every
// no of Verify, at least as long as the slowest format that was verified before.
func (h *Hasher) Waste(ctx context.Context, client, password string) error {
	took, err := h.run(ctx, client, password, func() { h.argon2id(password, make([]byte, saltBytes)) })
	if err != nil {
		return err
	}
	h.floor.saw(classOf(encode(h.params, nil, nil)), took)
	h.floor.wait(ctx, took)
	return nil
}

// run makes one derivation once there is a place, and answers how long it took.
func (h *Hasher) run(ctx context.Context, client, password string, derive func()) (took time.Duration, err error) {
	if err := h.enter(ctx, client, password); err != nil {
		return 0, err
	}
	defer h.queue.leave()
	began := time.Now()
	derive()
	return time.Since(began), nil
}

// enter takes a place among the running, waiting for it if need be, and counts
// the run that its holder is about to make. A refusal costs nothing: under attack
// it is what happens most.
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
