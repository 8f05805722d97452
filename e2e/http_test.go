package e2e_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// fill puts a value in the place of every parameter of a path.
func fill(path, value string) string {
	segments := strings.Split(path, "/")
	for i := range segments {
		if strings.HasPrefix(segments[i], "{") {
			segments[i] = value
		}
	}
	return strings.Join(segments, "/")
}

func TestHEADAndOPTIONSBehave(t *testing.T) {
	s := harness.New(t)
	p := s.SignUp("a@x.test")
	get := s.Do("GET", "/v1/auth/me", nil, harness.Bearer(p.Access)).Want(http.StatusOK)
	head := s.Do("HEAD", "/v1/auth/me", nil, harness.Bearer(p.Access)).Want(http.StatusOK)
	if got, want := head.Header.Get("Content-Length"), get.Header.Get("Content-Length"); got != want || len(head.Body) > 0 {
		t.Errorf("HEAD answers %q bytes, GET %q", got, want)
	}
	s.Do("HEAD", "/v1/auth/me", nil).Want(http.StatusUnauthorized)
	s.Do("HEAD", "/v1/auth/refresh", nil).Want(http.StatusMethodNotAllowed)
	for _, r := range s.Auth.Routes() {
		answer := s.Do("OPTIONS", fill(r.Path, "x"), nil).Want(http.StatusNoContent)
		if !strings.Contains(answer.Header.Get("Allow"), r.Method) {
			t.Errorf("OPTIONS %s allows %q", r.Path, answer.Header.Get("Allow"))
		}
		if answer.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("OPTIONS %s lets an origin in that was not asked for", r.Path)
		}
	}
	s.Do("OPTIONS", "/v1/nothing", nil).Want(http.StatusNotFound)
}

func TestAC056_HEADOnEveryRouteChangesNothing(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		s.Eventually("the mail is in the log", func() bool { return len(s.Events("", "mail.requested")) == 1 })
		before := len(s.Events("", ""))
		for _, r := range s.Auth.Routes() {
			answer := s.Do("HEAD", fill(r.Path, p.ID)+"?token="+p.Refresh, nil, harness.Bearer(p.Access))
			if answer.Header.Get("Set-Cookie") != "" || r.Method != "GET" && answer.Status < 400 && !serves(s, "GET", r.Path) {
				t.Errorf("HEAD %s answered %d", r.Path, answer.Status)
			}
		}
		if after := len(s.Events("", "")); after != before {
			t.Errorf("HEAD caused %d events", after-before)
		}
		s.Alive(p.Tokens)
	})
}

func serves(s *harness.Server, method, path string) bool {
	return slices.ContainsFunc(s.Auth.Routes(), func(r admit.Route) bool { return r.Method == method && r.Path == path })
}

func TestABodyMayBeLeftOutWhereNothingIsRequired(t *testing.T) {
	s := harness.New(t)
	s.SignUp("a@x.test")
	for name, set := range map[string]harness.Set{
		"no body, no type": harness.Header("Content-Type"),
		"no body, a type":  harness.Header("Content-Type", "application/json"),
		"no body, another": harness.Header("Content-Type", "text/plain"),
	} {
		tokens := s.SignIn("a@x.test", harness.Password).Tokens()
		if answer := s.Do("POST", "/v1/auth/signout", nil, harness.Bearer(tokens.Access), set); answer.Status != http.StatusOK {
			t.Errorf("%s: answered %d %s", name, answer.Status, answer.Body)
		}
	}
}

const signInBody = `{"email":"a@x.test","password":"Kupfer-Wolke-7319"}`

func TestAC185_BodiesAreBounded(t *testing.T) {
	s := harness.New(t)
	s.SignUp("a@x.test")
	pad := func(size int) string { return signInBody + strings.Repeat(" ", size-len(signInBody)) }
	s.Do("POST", "/v1/auth/email/signin", pad(64<<10)).Want(http.StatusOK)
	s.Do("POST", "/v1/auth/email/signin", pad(64<<10+1)).Want(http.StatusRequestEntityTooLarge, "auth/payload-too-large")
	chunked := func(text string) io.Reader { return io.MultiReader(strings.NewReader(text)) }
	s.Do("POST", "/v1/auth/email/signin", chunked(pad(64<<10))).Want(http.StatusOK)
	s.Do("POST", "/v1/auth/email/signin", chunked(pad(64<<10+1))).Want(http.StatusRequestEntityTooLarge, "auth/payload-too-large")
	s.Do("POST", "/v1/auth/email/signin", chunked(pad(8<<20))).Want(http.StatusRequestEntityTooLarge, "auth/payload-too-large")

	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	_, _ = io.Copy(zip, io.LimitReader(zeros{}, 64<<20))
	_ = zip.Close()
	s.Do("POST", "/v1/auth/email/signin", bomb.Bytes(), harness.Header("Content-Encoding", "gzip")).
		Want(http.StatusUnsupportedMediaType, "auth/unsupported-media-type")
	s.Do("POST", "/v1/auth/email/signin", signInBody, harness.Header("Content-Encoding", "identity", "gzip")).Want(http.StatusUnsupportedMediaType)
	parts := strings.Repeat("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n", 1000) + "--b--"
	s.Do("POST", "/v1/auth/email/signin", parts, harness.Header("Content-Type", "multipart/form-data; boundary=b")).
		Want(http.StatusUnsupportedMediaType, "auth/unsupported-media-type")
	deep := strings.Repeat(`{"a":`, 9_000) + "1" + strings.Repeat("}", 9_000)
	s.Do("POST", "/v1/auth/email/signin", strings.TrimSuffix(signInBody, "}")+`,"x":`+deep+"}").Want(http.StatusOK, "")
	s.Do("POST", "/v1/auth/email/signin", strings.Repeat("[", 60_000)).Want(http.StatusBadRequest, "auth/invalid-request")
	s.Do("POST", "/v1/auth/email/signin", "{"+strings.Repeat(`"a":`, 10_000)).Want(http.StatusBadRequest, "auth/invalid-request")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestIO02_OneValueWithoutDuplicates(t *testing.T) {
	s := harness.New(t)
	s.SignUp("a@x.test")
	for name, body := range map[string]string{
		"nothing": "", "blanks": "  \n", "null": "null", "a list": "[" + signInBody + "]", "a number": "7", "a text": `"x"`, "true": "true",
		"trailing text": signInBody + "x", "two values": signInBody + signInBody, "a comma": strings.Replace(signInBody, "}", ",}", 1),
		"single quotes": strings.ReplaceAll(signInBody, `"`, "'"), "a comment": signInBody + "//", "cut": signInBody[:20], "a byte order mark": "\ufeff" + signInBody,
		"a key twice":           strings.Replace(signInBody, "{", `{"email":"b@x.test",`, 1),
		"an unknown key twice":  strings.Replace(signInBody, "{", `{"x":1,"x":2,`, 1),
		"a deeper key twice":    strings.Replace(signInBody, "{", `{"x":{"y":1,"y":2},`, 1),
		"an escaped key twice":  strings.Replace(signInBody, "{", `{"\u0065mail":"b@x.test",`, 1),
		"a bad byte in a key":   strings.Replace(signInBody, "{", "{\"x\xff\":1,", 1),
		"a NUL in another key":  strings.Replace(signInBody, "{", `{"x\u0000":1,`, 1),
		"a NUL in another text": strings.Replace(signInBody, "{", `{"x":["\u0000"],`, 1),
		"NaN":                   strings.Replace(signInBody, "{", `{"x":NaN,`, 1),
		"a leading zero":        strings.Replace(signInBody, "{", `{"x":01,`, 1),
		"UTF-16":                "\xff\xfe{\x00}\x00",
	} {
		if answer := s.Do("POST", "/v1/auth/email/signin", body); answer.Status != http.StatusBadRequest || answer.Code() != "auth/invalid-request" {
			t.Errorf("%s: answered %d %s", name, answer.Status, answer.Body)
		}
	}
	for name, body := range map[string]string{
		"unknown keys":       strings.Replace(signInBody, "{", `{"x":{"y":[1,null]},`, 1),
		"keys in other case": strings.Replace(signInBody, "{", `{"EMAIL":"b@x.test","Password":"no",`, 1),
		"blanks around":      " \t\r\n" + signInBody + " \n",
		"escapes":            strings.Replace(signInBody, "a@x", `\u0061@x`, 1),
	} {
		if answer := s.Do("POST", "/v1/auth/email/signin", body); answer.Status != http.StatusOK {
			t.Errorf("%s: answered %d %s", name, answer.Status, answer.Body)
		}
	}
	for _, kind := range []string{"application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/json;charset=UTF-8"} {
		s.Do("POST", "/v1/auth/email/signin", signInBody, harness.Header("Content-Type", kind)).Want(http.StatusOK)
	}
}

// raw sends bytes over a connection and returns the response's status, 0 when
// the server only closed it.
func raw(t *testing.T, s *harness.Server, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(harness.Patience))
	_, _ = io.WriteString(conn, request) // the server may answer before it has read all
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

func TestAC185_AWrongLengthIsNoBody(t *testing.T) {
	s := harness.New(t)
	s.SignUp("a@x.test")
	head := "POST /v1/auth/email/signin HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
	for name, try := range map[string]struct {
		request string
		want    []int
	}{
		"shorter":            {head + "Content-Length: 10\r\n\r\n" + signInBody, []int{400}},
		"negative":           {head + "Content-Length: -1\r\n\r\n" + signInBody, []int{400}},
		"two lengths":        {head + "Content-Length: 10\r\nContent-Length: 20\r\n\r\n" + signInBody, []int{400}},
		"length and chunked": {head + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", []int{400, 415}},
		"bad chunks":         {head + "Transfer-Encoding: chunked\r\n\r\nZZ\r\n" + signInBody, []int{400}},
		"huge":               {head + "Content-Length: 99999999999\r\n\r\n" + signInBody, []int{413}},
	} {
		if got := raw(t, s, try.request); !slices.Contains(try.want, got) {
			t.Errorf("%s: answered %d", name, got)
		}
	}
}

// TestAC186_SlowClientsHoldNothing opens connections that never finish their
// request, and looks whether others, and the store, notice.
func TestAC186_SlowClientsHoldNothing(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		var slow []net.Conn
		defer func() {
			for _, conn := range slow {
				conn.Close()
			}
		}()
		for i := range 150 {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			slow = append(slow, conn)
			head := "POST /v1/auth/email/signin HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n" + signInBody[:10]
			if i%3 == 0 {
				head = head[:30]
			}
			if i%3 == 1 { // never reads its answers
				head = strings.Repeat("GET /v1/auth/me HTTP/1.1\r\nHost: x\r\n\r\n", 200)
			}
			if _, err := io.WriteString(conn, head); err != nil {
				t.Fatal(err)
			}
		}
		for range 5 { // none of which is answered where a slow client holds something
			p.Tokens = s.Alive(p.Tokens)
			s.SignIn("a@x.test", harness.Password).Want(http.StatusOK)
		}
	})
}

func TestAC187_HeadersAreBounded(t *testing.T) {
	s := harness.New(t)
	s.SignUp("a@x.test")
	const get = "GET /v1/auth/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	const post = "POST /v1/auth/email/signin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(signInBody))
	for name, try := range map[string]struct {
		request string
		want    []int
	}{
		"2 MB":               {get + "X: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", []int{431, 0}},
		"100,000 headers":    {get + strings.Repeat("X: xxxxxxxxxxxxxxxxxx\r\n", 100_000) + "\r\n", []int{431, 0}},
		"1,000 headers":      {get + strings.Repeat("X: x\r\n", 1000) + "\r\n", []int{401}},
		"obs-fold":           {get + "Authorization: Bearer\r\n x\r\n\r\n", []int{400, 401}},
		"a NUL":              {get + "Authorization: Bearer \x00\r\n\r\n", []int{400}},
		"no host":            {"GET /v1/auth/me HTTP/1.1\r\n\r\n", []int{400}},
		"two hosts":          {get + "Host: y\r\n\r\n", []int{400}},
		"not ASCII":          {get + "Authorization: Bearer \xc3\xa4\r\nX-\xc3: y\r\n\r\n", []int{400}},
		"not ASCII value":    {get + "Authorization: Bearer \xc3\xa4\xff\r\n\r\n", []int{401}},
		"two Content-Types":  {post + length + "Content-Type: application/json\r\nContent-Type: text/plain\r\n\r\n" + signInBody, []int{415}},
		"twice the same":     {post + length + "Content-Type: application/json\r\nContent-Type: application/json\r\n\r\n" + signInBody, []int{415}},
		"an absolute target": {"GET http://evil.test/v1/auth/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", []int{401}},
		"HTTP/9":             {"GET /v1/auth/me HTTP/9.0\r\nHost: x\r\n\r\n", []int{400, 505}},
		"no slash":           {"GET v1/auth/me HTTP/1.1\r\nHost: x\r\n\r\n", []int{400}},
	} {
		if got := raw(t, s, try.request); !slices.Contains(try.want, got) {
			t.Errorf("%s: answered %d", name, got)
		}
	}
}

func TestAC188_OtherMethodsAreRefused(t *testing.T) {
	s := harness.New(t)
	for _, r := range s.Auth.Routes() {
		for _, method := range []string{"TRACE", "PUT", "PATCH", "PROPFIND", "ADMIT", "get", "Post"} {
			answer := s.Do(method, fill(r.Path, "x"), nil)
			answer.Want(http.StatusMethodNotAllowed, "auth/method-not-allowed")
			if !strings.Contains(answer.Header.Get("Allow"), r.Method) {
				t.Errorf("%s %s allows %q", method, r.Path, answer.Header.Get("Allow"))
			}
		}
	}
	if got := raw(t, s, "CONNECT /v1/auth/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); got < 400 || got > 501 {
		t.Errorf("CONNECT answered %d", got)
	}
}

// faulty is a store whose look-ups go wrong when told to.
type faulty struct {
	store.Store
	fault func() error
}

func (f *faulty) SessionUser(ctx context.Context, tenant, id string) (store.Session, store.User, error) {
	if err := f.fault(); err != nil {
		return store.Session{}, store.User{}, err
	}
	return f.Store.SessionUser(ctx, tenant, id)
}

func (f *faulty) RotateSessionUser(ctx context.Context, r store.Rotation) (store.Session, store.User, bool, error) {
	if err := f.fault(); err != nil {
		return store.Session{}, store.User{}, false, err
	}
	return f.Store.RotateSessionUser(ctx, r)
}

func (f *faulty) UserPassword(ctx context.Context, tenant, key string) (store.User, store.Password, error) {
	if err := f.fault(); err != nil {
		return store.User{}, store.Password{}, err
	}
	return f.Store.UserPassword(ctx, tenant, key)
}

func (f *faulty) Tx(ctx context.Context, fn func(context.Context, store.Store) error) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Store.Tx(ctx, func(ctx context.Context, tx store.Store) error {
		return fn(ctx, &faulty{tx, f.fault})
	})
}

const insides = `pq: relation "admit_users" at store.go:42 password=hunter2`

func TestAC190_AStoreThatIsDownLetsNobodyInAndTellsNothing(t *testing.T) {
	down := false
	s := harness.New(t, func(c *admit.Config) {
		c.Store = &faulty{c.Store, func() error {
			if down {
				return errors.New(insides)
			}
			return nil
		}}
	})
	p := s.SignUp("a@x.test")
	down = true
	for _, answer := range []*harness.Answer{
		s.Me(p.Access), s.SignIn("a@x.test", harness.Password), s.Refresh(p.Refresh), s.SignOut(p.Access),
		signUp(s, "b@x.test", harness.Password, "B"), s.Do("DELETE", "/v1/auth/sessions", nil, harness.Bearer(p.Access)),
		s.Do("GET", "/app/hello", nil, harness.Bearer(p.Access)), s.Do("GET", "/app/optional", nil, harness.Bearer(p.Access)),
	} {
		answer.Want(http.StatusServiceUnavailable, "auth/unavailable")
		for _, leak := range []string{"pq", "hunter2", "admit_users", ".go"} {
			if strings.Contains(string(answer.Body), leak) {
				t.Errorf("a refusal says %s", answer.Body)
			}
		}
	}
	down = false
	s.Alive(p.Tokens)
	s.SignIn("b@x.test", harness.Password).Want(http.StatusUnauthorized)
}

func TestAC191_APanicInTheHostsPartHarmsOneRequest(t *testing.T) {
	panics := false
	s := harness.New(t, func(c *admit.Config) {
		c.Store = &faulty{c.Store, func() error {
			if panics {
				panic(insides)
			}
			return nil
		}}
	})
	s.Log.ExpectErrors()
	p := s.SignUp("a@x.test")
	panics = true
	for _, answer := range []*harness.Answer{
		s.Me(p.Access), s.SignIn("a@x.test", harness.Password), s.Refresh(p.Refresh), signUp(s, "b@x.test", harness.Password, "B"),
	} {
		answer.Want(http.StatusInternalServerError, "auth/internal")
		if id := answer.String("error", "details", "requestId"); id == "" || !strings.Contains(s.Log.String(), id) {
			t.Errorf("the request id %q does not lead to the log", id)
		}
	}
	panics = false
	p.Tokens = s.Alive(p.Tokens)
	s.SignIn("a@x.test", harness.Password).Want(http.StatusOK)
	s.SignUp("b@x.test")
}

func TestAC191_APanicInTheMailerHarmsNobody(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		s.Log.ExpectErrors()
		p := s.SignUp("a@x.test")
		s.SignUp("b@x.test")
		s.Alive(p.Tokens)
	}, func(c *admit.Config) {
		c.Mailer = mailer.Func(func(context.Context, mailer.Message) error { panic("a host's mistake") })
	})
}

// TestRL07_AClientThatHangsUpHarmsNobody cancels requests at random moments.
func TestRL07_AClientThatHangsUpHarmsNobody(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		for i := range 60 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*50*time.Microsecond)
			request, err := http.NewRequestWithContext(ctx, "POST", s.URL+"/v1/auth/email/signin", strings.NewReader(signInBody))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			if response, err := http.DefaultClient.Do(request); err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
			cancel()
		}
		http.DefaultClient.CloseIdleConnections()
		s.Alive(p.Tokens)
		s.Clock.Advance(time.Hour) // whoever hangs up in time for no answer has used an attempt
		s.SignIn("a@x.test", harness.Password).Want(http.StatusOK)
	})
}
