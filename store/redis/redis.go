// Package redis keeps failure budgets and rate limits in a Redis, or anything
// that speaks its protocol and runs its scripts, for hosts whose many processes
// would wait for one another in the database:
//
//	counters, err := redis.Open("redis://127.0.0.1:6379/0", redis.Options{})
//	config.Counters = counters
//
// All other records stay in Config.Store.
//
// # What Redis must be told
//
// A counter is lost when Redis forgets its key, and with it what an attacker
// has already used up. So maxmemory-policy must be noeviction; a Redis that
// restarts without persistence begins with full budgets, and one that fails
// over to a replica may lose the last hits. Give it a database or an instance
// that no cache fills.
//
// An access list must allow EVAL, EVALSHA, HMGET, HSET, HINCRBY, HGET, PEXPIRE,
// SET and DEL on the keys that start with the prefix.
package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"github.com/admit-go/admit/store"
)

// Options are what New and Open leave to the host. The zero value is safe.
type Options struct {
	// Prefix starts every key. Default "{admit}:". In a cluster one call changes
	// several keys at once, so a prefix there needs a part in braces, which puts
	// all keys on one shard.
	Prefix string
	// FailOpen lets everything pass while Redis does not answer, and logs it.
	// Whoever can make Redis unreachable may then guess passwords without bound.
	// Default false: the caller gets the error, and Admit answers 503 to what
	// can be guessed at, while sessions go on.
	FailOpen bool
	// Timeout bounds each call. Default 500 milliseconds. It should stay below a
	// quarter of Config.RequestTimeout: with FailOpen a sign-in waits for it up to
	// three times.
	Timeout time.Duration
	// Logger is told what FailOpen lets pass. Default slog.Default.
	Logger *slog.Logger
}

// Counters is a store.Counters in Redis. It is safe for use by any number of
// goroutines; processes that share one Redis and prefix share the counters.
type Counters struct {
	client  redis.Scripter
	options Options
	// closer is the client where this package made it.
	closer io.Closer
}

var _ store.Counters = (*Counters)(nil)

// Open makes Counters with a client of their own on a URL such as
// "rediss://user:password@redis.example:6379/0", which may carry the settings
// that redis.ParseURL documents. It does not connect yet.
func Open(url string, options Options) (*Counters, error) {
	parsed, err := redis.ParseURL(url)
	if err != nil {
		// The cause may repeat the URL, and with it a password.
		return nil, errors.New("redis: the URL must be redis://, rediss:// or unix://, with valid settings")
	}
	parsed.ContextTimeoutEnabled = true
	// A server that refuses connections is asked once by each try of a command:
	// people are waiting.
	parsed.DialerRetries = 1
	client := redis.NewClient(parsed)
	c := New(client, options)
	c.closer = client
	return c, nil
}

// New makes Counters on the host's own client, which may be one for a cluster
// or for sentinels and stays the host's to close. Without
// ContextTimeoutEnabled, go-redis holds a call that hangs for its own
// ReadTimeout instead of Options.Timeout.
func New(client redis.Scripter, options Options) *Counters {
	if options.Prefix == "" {
		options.Prefix = "{admit}:"
	}
	if options.Timeout <= 0 {
		options.Timeout = 500 * time.Millisecond
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	return &Counters{client: client, options: options}
}

// Close closes the client that Open made. After New it does nothing.
func (c *Counters) Close() error {
	if c.closer == nil {
		return nil
	}
	return c.closer.Close()
}

// Hit implements store.Counters. Where the client repeats a command whose answer
// was lost, one use may count twice; never does one count for less.
func (c *Counters) Hit(ctx context.Context, now time.Time, counters ...store.Counter) (store.Counted, error) {
	if len(counters) == 0 {
		return store.Counted{OK: ctx.Err() == nil}, ctx.Err()
	}
	keys, args := make([]string, 0, len(counters)), []any{now.UnixMicro()}
	for _, counter := range counters {
		key, err := c.key(counter.Tenant, counter.Key)
		if err != nil {
			return store.Counted{}, err
		}
		if slices.Contains(keys, key) {
			return store.Counted{}, errors.New("redis: hit counters: a key stands in the call twice")
		}
		keys = append(keys, key)
		args = append(args, counter.Limit, now.UnixMicro()+counter.Window.Microseconds(), lifetime(counter.Window).Milliseconds())
	}
	reply, err := c.run(ctx, hit, "hit counters", keys, args...)
	if err != nil || reply == nil {
		return store.Counted{OK: err == nil}, err
	}
	return readCounted(reply)
}

// readCounted reads the answer of the script hit.
func readCounted(reply any) (store.Counted, error) {
	fields, _ := reply.([]any)
	if len(fields) == 0 {
		return store.Counted{OK: true}, nil
	}
	if len(fields) == 2 {
		full, isNumber := fields[0].(int64)
		ends, isText := fields[1].(string)
		micros, err := strconv.ParseInt(ends, 10, 64)
		if isNumber && isText && err == nil {
			return store.Counted{Full: int(full), ResetAt: time.UnixMicro(micros).UTC()}, nil
		}
	}
	return store.Counted{}, fmt.Errorf("redis: hit counters: the answer %v cannot be read", reply)
}

// Unhit implements store.Counters. It takes one hit back even where the client
// repeats a command whose answer was lost: each call leaves a mark for a minute
// that says it was done.
func (c *Counters) Unhit(ctx context.Context, tenant string, keys ...string) error {
	named, err := c.keys(tenant, keys)
	if err != nil || len(keys) == 0 {
		return err
	}
	mark := c.options.Prefix + "done:" + rand.Text()
	_, err = c.run(ctx, unhit, "unhit counters", append([]string{mark}, named...), time.Minute.Milliseconds())
	return err
}

// ClearCounters implements store.Counters.
func (c *Counters) ClearCounters(ctx context.Context, tenant string, keys ...string) error {
	named, err := c.keys(tenant, keys)
	if err != nil || len(keys) == 0 {
		return err
	}
	_, err = c.run(ctx, remove, "clear counters", named)
	return err
}

// run runs a script within the time limit. It answers nil without an error for
// what FailOpen lets pass: never a call whose own context is done, since its
// caller is the one that failed.
func (c *Counters) run(caller context.Context, script *redis.Script, what string, keys []string, args ...any) (any, error) {
	if err := caller.Err(); err != nil {
		return nil, fmt.Errorf("redis: %s: %w", what, err)
	}
	ctx, cancel := context.WithTimeout(caller, c.options.Timeout)
	defer cancel()
	reply, err := script.Run(ctx, c.client, keys, args...).Result()
	if err == nil {
		return reply, nil
	}
	if ended := caller.Err(); ended != nil {
		return nil, fmt.Errorf("redis: %s: %w", what, errors.Join(ended, err))
	}
	if c.options.FailOpen {
		c.options.Logger.ErrorContext(caller, "a limit was let pass without Redis", "verb", what, "error", err)
		return nil, nil
	}
	return nil, fmt.Errorf("redis: %s: %w", what, err)
}

// lifetime is how long Redis keeps a counter. Whether its window has ended is
// decided by the times that come in, so this only has to be longer than any
// clock of the host may lag behind.
func lifetime(window time.Duration) time.Duration { return 2*window + time.Hour }

func (c *Counters) keys(tenant string, keys []string) ([]string, error) {
	named := make([]string, len(keys))
	for i, key := range keys {
		var err error
		if named[i], err = c.key(tenant, key); err != nil {
			return nil, err
		}
	}
	return named, nil
}

// key names a counter in Redis. The length keeps a tenant "a" with the key
// "b:c" apart from a tenant "a:b" with the key "c".
func (c *Counters) key(tenant, key string) (string, error) {
	for _, text := range []string{tenant, key} {
		switch {
		case len(text) > store.MaxKeyBytes:
			return "", fmt.Errorf("redis: key of %d bytes, %d at most: %w", len(text), store.MaxKeyBytes, store.ErrInvalidText)
		case !utf8.ValidString(text), strings.IndexByte(text, 0) >= 0:
			return "", fmt.Errorf("redis: key with U+0000 or broken UTF-8: %w", store.ErrInvalidText)
		}
	}
	return c.options.Prefix + strconv.Itoa(len(tenant)) + ":" + tenant + ":" + key, nil
}
