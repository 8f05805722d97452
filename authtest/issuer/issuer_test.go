package issuer_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/admit-go/admit/authtest/issuer"
)

func start(t *testing.T, options issuer.Options) *issuer.Server {
	t.Helper()
	server, err := issuer.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

func get(t *testing.T, address string) (int, string) {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

const query = "?client_id=dev&redirect_uri=http://127.0.0.1:1/cb&response_type=code&state=s&scope=openid"

func TestTheServerListensOnLoopbackAlone(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.com:0", "nonsense"} {
		if server, err := issuer.Start(issuer.Options{Addr: address}); err == nil {
			_ = server.Close()
			t.Errorf("it listens on %s", address)
		}
	}
	server := start(t, issuer.Options{})
	request, err := http.NewRequest(http.MethodGet, server.Issuer()+"/authorize"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "evil.example" // as after DNS rebinding
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another name gets %d", response.StatusCode)
	}
}

// A browser chooses somebody, types an address or refuses.
func TestThePageOffersWhoSomebodyIs(t *testing.T) {
	server := start(t, issuer.Options{People: []issuer.Person{{Email: "ada@example.com", Name: `Ada <b>"x"`}}})
	status, page := get(t, server.Issuer()+"/authorize"+query)
	if status != http.StatusOK || !strings.Contains(page, "ada@example.com") || strings.Contains(page, "<b>") {
		t.Fatalf("%d %s", status, page)
	}
	hidden := regexp.MustCompile(`name="request" value="([^"]*)"`).FindStringSubmatch(page)
	if hidden == nil {
		t.Fatal("the page has no request")
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	asked := strings.ReplaceAll(hidden[1], "&amp;", "&")
	for what, c := range map[string]struct {
		form url.Values
		want string
	}{
		"chosen":  {url.Values{"request": {asked}, "email": {"ada@example.com"}}, "code="},
		"typed":   {url.Values{"request": {asked}, "typed": {"new@example.com"}}, "code="},
		"refused": {url.Values{"request": {asked}, "refuse": {"1"}}, "error=access_denied"},
	} {
		response, err := client.PostForm(server.Issuer()+"/decide", c.form)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if to := response.Header.Get("Location"); response.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "http://127.0.0.1:1/cb?") || !strings.Contains(to, c.want) || !strings.Contains(to, "state=s") {
			t.Errorf("%s: %d %s", what, response.StatusCode, to)
		}
	}
	// Apple's answer is posted by a page.
	response, err := client.PostForm(server.Issuer()+"/decide", url.Values{"request": {"/apple/authorize" + query + "&response_mode=form_post"}, "email": {"ada@example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if !strings.Contains(string(body), `action="http://127.0.0.1:1/cb"`) || !strings.Contains(string(body), `name="code"`) {
		t.Errorf("Apple: %s", body)
	}
	if status, page := get(t, server.Issuer()+"/"); status != http.StatusOK || !strings.Contains(page, server.GitHub()) {
		t.Errorf("the first page: %d %s", status, page)
	}
}

func TestRequestsThatAreWrongAreRefused(t *testing.T) {
	server := start(t, issuer.Options{Clients: map[string]string{"dev": "secret"}})
	for what, change := range map[string][2]string{
		"another client": {"client_id=dev", "client_id=other"}, "a script": {"http://127.0.0.1:1/cb", "javascript:alert(1)"}, "a token": {"response_type=code", "response_type=token"},
		"a plain challenge": {"state=s", "code_challenge=x&code_challenge_method=plain"},
	} {
		if status, _ := get(t, server.Issuer()+"/authorize"+strings.Replace(query, change[0], change[1], 1)); status != http.StatusBadRequest {
			t.Errorf("%s: %d", what, status)
		}
	}
	if _, err := server.Answer("https://elsewhere.example/authorize"+query, "a@example.com"); err == nil {
		t.Error("another server's address is answered")
	}
}

func TestACodeIsGoodOnceForItsClient(t *testing.T) {
	server := start(t, issuer.Options{Clients: map[string]string{"dev": "secret", "other": "secret"}})
	code := func() string {
		callback, err := server.Answer(server.Issuer()+"/authorize"+query, "ada@example.com")
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(callback.URL)
		return u.Query().Get("code")
	}
	redeem := func(code, client, secret string) int {
		jar, _ := cookiejar.New(nil)
		response, err := (&http.Client{Jar: jar}).PostForm(server.Issuer()+"/token", url.Values{
			"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"http://127.0.0.1:1/cb"}, "client_id": {client}, "client_secret": {secret},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	first := code()
	for what, got := range map[string]error{
		"another client":    expect(redeem(code(), "other", "secret"), 400),
		"a wrong secret":    expect(redeem(code(), "dev", "wrong"), 401),
		"no secret":         expect(redeem(code(), "dev", ""), 401),
		"the right one":     expect(redeem(first, "dev", "secret"), 200),
		"and once more":     expect(redeem(first, "dev", "secret"), 400),
		"a code of its own": expect(redeem("guessed", "dev", "secret"), 400),
	} {
		if got != nil {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func expect(got, want int) error {
	if got != want {
		return errors.New(http.StatusText(got))
	}
	return nil
}
