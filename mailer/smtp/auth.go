package smtp

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"

	"github.com/admit-go/admit/mailer"
)

// Auth is a way to sign in without a password. [XOAUTH2] makes one.
type Auth struct{ tokens TokenSource }

// TokenSource returns a valid access token. It is called for every connection,
// so it should keep a token until shortly before it expires. It must respect
// ctx. With golang.org/x/oauth2 it is:
//
//	func(context.Context) (string, error) {
//		token, err := source.Token()
//		if err != nil {
//			return "", err
//		}
//		return token.AccessToken, nil
//	}
type TokenSource func(ctx context.Context) (accessToken string, err error)

// XOAUTH2 signs in with OAuth 2.0 access tokens, which Gmail and Office 365
// require. Username of the [Mailer] is the mailbox. Password must be empty.
func XOAUTH2(tokens TokenSource) *Auth { return &Auth{tokens: tokens} }

// credentials are the credentials of one connection.
type credentials struct {
	username, password, token string
	// mechanisms are the possible mechanisms, the best first.
	mechanisms []string
	// inClear says that the credentials may be sent without TLS.
	inClear bool
}

// credentials fetches a token if one is needed. It returns nil if the settings
// have no credentials.
func (s settings) credentials(ctx context.Context) (*credentials, error) {
	if s.username == "" {
		return nil, nil
	}
	who := &credentials{username: s.username, password: s.password, inClear: s.maySendPasswordInClear}
	if s.auth == nil {
		// PLAIN needs one round trip, LOGIN needs three. With TLS both are
		// equally safe.
		who.mechanisms = []string{"PLAIN", "LOGIN"}
		return who, nil
	}
	who.mechanisms = []string{"XOAUTH2"}
	token, err := s.auth.tokens(ctx)
	if err != nil {
		return nil, fmt.Errorf("the token source failed: %w", err)
	}
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, &mailer.OperatorError{Err: errors.New("the token source answered no access token")}
	}
	who.token = token
	return who, nil
}

// signIn refuses to send a secret over a connection that others can read,
// whatever the server offers: without TLS anybody could be the server.
func (c *connection) signIn(who *credentials) error {
	if !c.secure && !who.inClear {
		return errors.New("the connection has no TLS")
	}
	offered := strings.Fields(strings.ToUpper(c.offers["AUTH"]))
	for _, mechanism := range who.mechanisms {
		if slices.Contains(offered, mechanism) {
			return c.signInBy(mechanism, who)
		}
	}
	return fmt.Errorf("%w: %s", ErrNotOffered, strings.Join(who.mechanisms, " or "))
}

// longestAuth is the length of the longest line of an AUTH command (RFC 4954).
// A longer first response is sent on a line of its own.
const longestAuth = 510

func (c *connection) signInBy(mechanism string, who *credentials) error {
	var answers []string
	switch mechanism {
	case "PLAIN":
		answers = []string{"\x00" + who.username + "\x00" + who.password}
	case "XOAUTH2":
		answers = []string{"user=" + who.username + "\x01auth=Bearer " + who.token + "\x01\x01"}
	case "LOGIN":
		// The server asks for both, in words of its own choice.
		answers = []string{who.username, who.password}
	}
	line := "AUTH " + mechanism
	if first := line + " " + base64.StdEncoding.EncodeToString([]byte(answers[0])); mechanism != "LOGIN" && len(first) <= longestAuth {
		line, answers = first, nil
	}
	for {
		if _, err := c.text.Cmd("%s", line); err != nil {
			return err
		}
		code, message, err := c.text.ReadResponse(0)
		switch {
		case err != nil:
			return err
		case code == 235:
			return nil
		case code != 334:
			return &textproto.Error{Code: code, Msg: message}
		case len(answers) > 0:
			line, answers = base64.StdEncoding.EncodeToString([]byte(answers[0])), answers[1:]
		case mechanism == "XOAUTH2":
			// The server has described the fault of the token in JSON. It sends
			// the code of its refusal only after an empty line.
			line, mechanism = "", ""
		default:
			return errors.New("the server asks for more than " + strings.Join(who.mechanisms, " or ") + " knows")
		}
	}
}
