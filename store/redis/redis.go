// Package redis keeps failure budgets and rate limits in Redis, or in another
// server with its protocol and its scripts. It is for hosts with many
// processes, which would wait for each other in the database:
//
//	counters, err := redis.Open("redis://127.0.0.1:6379/0", redis.Options{})
//	config.Counters = counters
//
// All other records stay in Config.Store.
//
// # Settings of Redis
//
// If Redis drops a key, the counter is lost, and an attacker can spend the
// budget again. So maxmemory-policy must be noeviction. A Redis without
// persistence starts with full budgets after a restart. A Redis that fails over
// to a replica may lose the last hits. Use a database or an instance that no
// cache fills.
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

// Options are the settings of New and Open. The zero value is safe.
type Options struct {
	// Prefix is the start of every key. Default: "{admit}:". One call changes
	// several keys at once. So in a cluster, Prefix needs a part in braces,
	// which puts all keys on one shard.
	Prefix string
	// FailOpen lets every request pass while Redis does not answer, and logs
	// it. A person who can make Redis unreachable may then guess passwords
	// without a limit. Default: false. The caller then gets the error, Admit
	// answers 503 to requests that must be counted, and sessions continue.
	FailOpen bool
	// Timeout bounds each call. Default: 500 milliseconds. It should be below a
	// quarter of Config.RequestTimeout, because with FailOpen a sign-in waits
	// for Redis up to three times.
	Timeout time.Duration
	// Logger gets a line for each call that FailOpen lets pass. Default:
	// slog.Default.
	Logger *slog.Logger
}

// Counters is a store.Counters in Redis. It is safe for use by many goroutines.
// Processes with the same Redis and the same prefix share the counters.
type Counters struct {
	client  redis.Scripter
	options Options
	// closer is the client if this package made it.
	closer io.Closer
}

var _ store.Counters = (*Counters)(nil)

// Open makes Counters with its own client for a URL such as
// "rediss://user:password@redis.example:6379/0". The URL may have the settings
// that redis.ParseURL documents. Open does not connect.
func Open(url string, options Options) (*Counters, error) {
	parsed, err := redis.ParseURL(url)
	if err != nil {
		// The cause may contain the URL, and so a password.
		return nil, errors.New("redis: the URL must be redis://, rediss:// or unix://, with valid settings")
	}
	parsed.ContextTimeoutEnabled = true
	// Each try of a command connects only once to a server that refuses
	// connections, because people are waiting.
	parsed.DialerRetries = 1
	client := redis.NewClient(parsed)
	c := New(client, options)
	c.closer = client
	return c, nil
}

// New makes Counters with a client of the host, which may be a client for a
// cluster or for sentinels. The host closes the client. Without
// ContextTimeoutEnabled, go-redis waits for its own ReadTimeout and not for
// Options.Timeout.
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

// Hit implements store.Counters. If the client repeats a command after a lost
// answer, one hit may count twice. A hit never counts less than once.
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

// Unhit implements store.Counters. It lowers each counter only once, even if
// the client repeats a command after a lost answer: each call leaves a mark for
// a minute.
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

// run runs a script within the time limit. It returns nil without an error if
// FailOpen lets the call pass. A call whose own context is done never passes,
// because its caller has failed.
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

// lifetime is how long Redis keeps a counter. The times of the caller decide
// whether a window has ended. So the lifetime only has to be longer than the
// lag of any clock of the host.
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

// key returns the key of a counter in Redis. It has the length of the tenant,
// so that the tenant "a" with the key "b:c" differs from the tenant "a:b" with
// the key "c".
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
