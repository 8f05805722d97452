package admit

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// LeakedPasswordOptions set how a corpus of leaked passwords is asked.
type LeakedPasswordOptions struct {
	// BaseURL is a server that speaks the range protocol of Have I Been Pwned.
	// Default "https://api.pwnedpasswords.com". http is for loopback addresses.
	BaseURL string
	// WhenDown says what becomes of a new password while the server cannot be
	// asked. There is no default: AcceptWhenDown keeps sign-ups going,
	// RefuseWhenDown keeps leaked passwords out. Each such password is logged as
	// a warning.
	WhenDown WhenDown
	// Timeout bounds one question. Default 2 seconds.
	Timeout time.Duration
	// Logger takes the warnings. Default [slog.Default].
	Logger *slog.Logger
}

// WhenDown says what becomes of a new password while nobody can tell whether it
// has leaked.
type WhenDown string

const (
	// AcceptWhenDown takes the password: the check fails open.
	AcceptWhenDown WhenDown = "accept"
	// RefuseWhenDown answers ErrUnavailable: the check fails closed.
	RefuseWhenDown WhenDown = "refuse"
)

const (
	rangeBytes  = 2 << 20
	rangePrefix = 5
)

// LeakedPasswords makes the function for PasswordConfig.Leaked that asks a
// corpus by k-anonymity: only the first five hex digits of the password's SHA-1
// leave this process, and padding hides how many answers there are.
func LeakedPasswords(options LeakedPasswordOptions) (func(ctx context.Context, password string) (bool, error), error) {
	setDefault(&options.BaseURL, "https://api.pwnedpasswords.com")
	setDefault(&options.Timeout, 2*time.Second)
	if options.WhenDown != AcceptWhenDown && options.WhenDown != RefuseWhenDown {
		return nil, fmt.Errorf("admit: leaked passwords: WhenDown is %q: choose AcceptWhenDown or RefuseWhenDown", options.WhenDown)
	}
	log := options.Logger
	if log == nil {
		log = slog.Default()
	}
	base, err := url.Parse(options.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("admit: leaked passwords: %w", err)
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !isLoopback(base.Hostname())) {
		return nil, errors.New("admit: leaked passwords: the base URL must be https")
	}
	client := outboundClient(options.Timeout)
	return func(ctx context.Context, password string) (bool, error) {
		leaked, err := askRange(ctx, client, strings.TrimSuffix(options.BaseURL, "/"), password)
		if err == nil {
			return leaked, nil
		}
		log.WarnContext(ctx, "could not ask whether a new password has leaked", "then", string(options.WhenDown), "error", err)
		if options.WhenDown == AcceptWhenDown {
			return false, nil
		}
		return false, err
	}, nil
}

// outboundClient asks servers that a host has configured: no proxy from the
// environment, no redirects, bounded time.
func outboundClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:   timeout,
		Transport: &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// askRange asks for all hashes that share the first digits and looks for ours.
func askRange(ctx context.Context, client *http.Client, base, password string) (bool, error) {
	sum := sha1.Sum([]byte(password))
	digest := strings.ToUpper(hex.EncodeToString(sum[:]))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/range/"+digest[:rangePrefix], nil)
	if err != nil {
		return false, fmt.Errorf("ask for leaked passwords: %w", err)
	}
	request.Header.Set("Add-Padding", "true")
	request.Header.Set("User-Agent", "admit")
	response, err := client.Do(request)
	if err != nil {
		return false, fmt.Errorf("ask for leaked passwords: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return false, fmt.Errorf("ask for leaked passwords: status %d", response.StatusCode)
	}
	lines := bufio.NewScanner(io.LimitReader(response.Body, rangeBytes))
	for lines.Scan() {
		suffix, count, ok := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		if !ok || !strings.EqualFold(suffix, digest[rangePrefix:]) {
			continue
		}
		// Padding comes with a count of zero.
		n, err := strconv.Atoi(count)
		return err == nil && n > 0, nil
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("ask for leaked passwords: %w", err)
	}
	return false, nil
}
