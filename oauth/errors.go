package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
)

// refused says that the code or the id token is no proof. The text is for logs and
// holds no value that the provider or the browser sent.
func refused(format string, arguments ...any) error {
	return fmt.Errorf("%w: %w", admit.ErrInvalidOAuthCode, fmt.Errorf(format, arguments...))
}

// failed says that the provider did not do its part.
func failed(format string, arguments ...any) error {
	return fmt.Errorf("%w: %w", admit.ErrOAuthCallbackFailed, fmt.Errorf(format, arguments...))
}

// refusals are the codes of RFC 6749, section 5.2, and of providers with codes of
// their own, by which a token endpoint refuses the code and not the host.
func refusals() []string {
	return []string{
		"invalid_grant", "invalid_request", "bad_verification_code", "redirect_uri_mismatch", "invalid_code", "code_already_used", "code_expired", "bad_redirect_uri",
	}
}

// exchangeError says what the error of x/oauth2 means. Its own text repeats the body of
// the answer, which may repeat the request, so only the code of the error is kept.
func exchangeError(ctx context.Context, host string, err error) error {
	var answered *oauth2.RetrieveError
	if !errors.As(err, &answered) {
		if ctx.Err() != nil {
			return failed("ask %s: %w", host, context.Cause(ctx))
		}
		if around, ok := errors.AsType[*url.Error](err); ok { // of the connection
			return failed("ask %s: %w", host, around.Err)
		}
		return failed("ask %s: the answer cannot be read as tokens", host)
	}
	code, status := answered.ErrorCode, answered.Response.StatusCode
	if code == "" {
		code = graphCode(answered.Body)
	}
	if !isWord(code) {
		return failed("ask %s: status %d", host, status)
	}
	for _, refusal := range refusals() {
		if code == refusal && status < 500 {
			return refused("%s says %s", host, code)
		}
	}
	return failed("ask %s: status %d, %s", host, status, code)
}

// isWord says whether a code is only a code.
func isWord(text string) bool {
	if text == "" || len(text) > 64 {
		return false
	}
	for _, c := range text {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// graphCode is the code of an error of Facebook, which is an object.
func graphCode(body []byte) string {
	c, _ := readClaims(body)
	if code := c.object("error"); code.text("type") == "OAuthException" && code.number("code") == "100" {
		return "invalid_code"
	}
	return ""
}
