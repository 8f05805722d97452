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

// LeakedPasswordOptions are the settings of LeakedPasswords.
type LeakedPasswordOptions struct {
	// BaseURL is a server with the range protocol of Have I Been Pwned.
	// Default: "https://api.pwnedpasswords.com". http is allowed for loopback
	// addresses.
	BaseURL string
	// WhenDown says what happens with a new password while the server does not
	// answer. It is required: AcceptWhenDown keeps sign-ups working,
	// RefuseWhenDown keeps leaked passwords out. A sign-in goes on in both cases.
	// Each such password logs a warning.
	WhenDown WhenDown
	// Timeout bounds one request to the server. Default: 2 seconds.
	Timeout time.Duration
	// Transport sends the requests, through a proxy for example. It follows no
	// redirects and is bound by Timeout all the same. Default: one of its own, without
	// a proxy from the environment.
	Transport http.RoundTripper
	// Logger gets the warnings. Default: [slog.Default].
	Logger *slog.Logger
}

// WhenDown says what happens with a new password while the server does not
// answer.
type WhenDown string

const (
	// AcceptWhenDown accepts the password.
	AcceptWhenDown WhenDown = "accept"
	// RefuseWhenDown refuses the password with ErrUnavailable.
	RefuseWhenDown WhenDown = "refuse"
)

const (
	rangeBytes  = 2 << 20
	rangePrefix = 5
)

// LeakedPasswords makes the function for PasswordConfig.Leaked. It sends only
// the first five hex digits of the password's SHA-1 to the server
// (k-anonymity), and asks for padding, which hides the number of results.
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
	client := outboundClient(options.Timeout, options.Transport)
	return func(ctx context.Context, password string) (bool, error) {
		leaked, err := askRange(ctx, client, strings.TrimSuffix(options.BaseURL, "/"), password)
		if err == nil {
			return leaked, nil
		}
		log.WarnContext(ctx, "could not ask whether a password has leaked", "then", string(options.WhenDown), "error", err)
		if options.WhenDown == AcceptWhenDown {
			return false, nil
		}
		return false, err
	}, nil
}

// outboundClient makes the client for a server that the host has configured: it
// follows no redirects and has a time limit. Without a transport of the host it uses
// no proxy from the environment.
func outboundClient(timeout time.Duration, transport http.RoundTripper) *http.Client {
	if isNil(transport) {
		transport = &http.Transport{
			Proxy: nil, MaxIdleConnsPerHost: 4, MaxConnsPerHost: 32, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
		}
	}
	return &http.Client{
		Timeout:   timeout,
		Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// askRange requests all hashes with the same first digits and looks for the
// hash of the password.
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
		// The count of a padding entry is zero.
		n, err := strconv.Atoi(count)
		return err == nil && n > 0, nil
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("ask for leaked passwords: %w", err)
	}
	return false, nil
}
