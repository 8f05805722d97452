package issuer

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	codeLife   = 10 * time.Minute
	accessLife = time.Hour
)

// shape is whose behaviour is shown.
type shape int

const (
	shapeOpenID shape = iota
	shapeGitHub
	shapeApple
	shapeMicrosoft
)

// grant is what somebody has allowed a client.
type grant struct {
	shape                          shape
	client, redirect, nonce, scope string
	challenge, state, answer       string
	person                         Person
	made                           time.Time
	// tokens are the access tokens that a code was good for.
	tokens []string
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /decide", s.decide)
	mux.HandleFunc("GET /{$}", s.welcome)

	openID := func(prefix string, shape shape) {
		mux.HandleFunc("GET "+prefix+"/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.metadata(prefix)) })
		mux.HandleFunc("GET "+prefix+"/authorize", func(w http.ResponseWriter, r *http.Request) { s.authorize(w, r, shape) })
		mux.HandleFunc("POST "+prefix+"/token", func(w http.ResponseWriter, r *http.Request) { s.token(w, r, shape) })
		mux.HandleFunc("GET "+prefix+"/keys", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.keySet()) })
		mux.HandleFunc("GET "+prefix+"/userinfo", s.userInfo)
		mux.HandleFunc("POST "+prefix+"/revoke", s.revoke)
	}
	openID("", shapeOpenID)
	openID("/apple", shapeApple)

	mux.HandleFunc("GET /microsoft/{tenant}/oauth2/v2.0/authorize", func(w http.ResponseWriter, r *http.Request) { s.authorize(w, r, shapeMicrosoft) })
	mux.HandleFunc("POST /microsoft/{tenant}/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) { s.token(w, r, shapeMicrosoft) })
	mux.HandleFunc("GET /microsoft/{tenant}/discovery/v2.0/keys", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.keySet()) })

	mux.HandleFunc("GET /github/login/oauth/authorize", func(w http.ResponseWriter, r *http.Request) { s.authorize(w, r, shapeGitHub) })
	mux.HandleFunc("POST /github/login/oauth/access_token", func(w http.ResponseWriter, r *http.Request) { s.token(w, r, shapeGitHub) })
	mux.HandleFunc("GET /github/api/v3/user", s.githubUser)
	mux.HandleFunc("GET /github/api/v3/user/emails", s.githubEmails)
	mux.HandleFunc("DELETE /github/api/v3/applications/{client}/token", s.githubRevoke)
	return mux
}

func (s *Server) metadata(prefix string) map[string]any {
	at := s.url + prefix
	return map[string]any{
		"issuer": at, "authorization_endpoint": at + "/authorize", "token_endpoint": at + "/token", "jwks_uri": at + "/keys",
		"userinfo_endpoint": at + "/userinfo", "revocation_endpoint": at + "/revoke",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post"},
		"authorization_response_iss_parameter_supported": prefix == "",
	}
}

func reply(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // claims that a test has made up
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// token redeems codes and refresh tokens (RFC 6749, sections 4.1.3 and 6).
func (s *Server) token(w http.ResponseWriter, r *http.Request, shape shape) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		s.refuse(w, shape, http.StatusBadRequest, "invalid_request")
		return
	}
	client, ok := s.client(r, shape)
	if !ok {
		code := "invalid_client"
		if shape == shapeGitHub {
			code = "incorrect_client_credentials"
		}
		s.refuse(w, shape, http.StatusUnauthorized, code)
		return
	}
	given, code := s.redeem(r.PostForm, client, shape)
	if given == nil {
		s.refuse(w, shape, http.StatusBadRequest, code)
		return
	}
	body := map[string]any{"access_token": s.grantAccess(given), "token_type": "Bearer", "expires_in": int(accessLife.Seconds()), "scope": given.scope}
	scopes := strings.Fields(given.scope)
	if r.PostForm.Get("grant_type") != "refresh_token" && (shape == shapeApple || slices.Contains(scopes, "offline_access")) {
		token := rand.Text()
		s.mu.Lock()
		s.refresh[token] = given
		s.mu.Unlock()
		body["refresh_token"] = token
	}
	if shape == shapeGitHub {
		delete(body, "expires_in")
		body["token_type"], body["scope"] = "bearer", strings.ReplaceAll(given.scope, " ", ",")
	} else if shape == shapeApple || slices.Contains(scopes, "openid") {
		id, err := s.Sign(s.claims(shape, given, body["access_token"].(string)))
		if err != nil {
			s.refuse(w, shape, http.StatusInternalServerError, "server_error")
			return
		}
		body["id_token"] = id
	}
	reply(w, http.StatusOK, body)
}

// refuse answers an error. GitHub's come with status 200.
func (s *Server) refuse(w http.ResponseWriter, shape shape, status int, code string) {
	if shape == shapeGitHub {
		status = http.StatusOK
	}
	reply(w, status, map[string]string{"error": code, "error_description": "The request was refused: " + code + "."})
}

// client says which client asks, if it proves who it is.
func (s *Server) client(r *http.Request, shape shape) (string, bool) {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, password, ok := r.BasicAuth(); ok {
		id, _ = url.QueryUnescape(user)
		secret, _ = url.QueryUnescape(password)
	}
	if id == "" || secret == "" {
		return "", false
	}
	if s.options.Clients == nil || shape == shapeApple { // Apple's secret is signed anew each time
		return id, true
	}
	want, known := s.options.Clients[id]
	return id, known && subtle.ConstantTimeCompare([]byte(want), []byte(secret)) == 1
}

// redeem takes a code or a refresh token, or says why not.
func (s *Server) redeem(form url.Values, client string, shape shape) (*grant, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	refused := "invalid_grant"
	if shape == shapeGitHub {
		refused = "bad_verification_code"
	}
	if form.Get("grant_type") == "refresh_token" {
		given := s.refresh[form.Get("refresh_token")]
		if given == nil || given.client != client || given.shape != shape {
			return nil, refused
		}
		return given, ""
	}
	code := form.Get("code")
	given := s.codes[code]
	if given == nil {
		return nil, refused
	}
	// A code that comes twice ends what it was good for (RFC 6749, section 4.1.2).
	if given.tokens != nil || given.shape != shape || given.client != client || s.options.Now().Sub(given.made) > codeLife {
		for _, token := range given.tokens {
			delete(s.access, token)
		}
		return nil, refused
	}
	if given.redirect != form.Get("redirect_uri") {
		if shape == shapeGitHub {
			return nil, "redirect_uri_mismatch"
		}
		return nil, refused
	}
	given.tokens = []string{}
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if given.challenge != "" && given.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		return nil, refused
	}
	return given, ""
}

func (s *Server) grantAccess(given *grant) string {
	token := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.access[token] = given
	given.tokens = append(given.tokens, token)
	return token
}

// claims are those of an id token. An access token gives it at_hash.
func (s *Server) claims(shape shape, given *grant, accessToken ...string) map[string]any {
	now := s.options.Now()
	claims := map[string]any{
		"iss": s.url, "sub": given.person.subject(), "aud": given.client, "iat": now.Unix(), "exp": now.Add(accessLife).Unix(), "auth_time": now.Unix(),
	}
	for name, value := range map[string]string{"email": given.person.Email, "nonce": given.nonce} {
		if value != "" {
			claims[name] = value
		}
	}
	profile := map[string]string{"name": given.person.Name, "nickname": given.person.Nickname, "picture": given.person.Picture, "locale": given.person.Locale}
	switch shape {
	case shapeApple:
		claims["iss"], claims["email_verified"], claims["nonce_supported"] = s.Apple(), map[bool]string{true: "true", false: "false"}[!given.person.Unverified], true
		profile = nil
	case shapeMicrosoft:
		tenant := given.person.tenant()
		claims["iss"], claims["tid"], claims["oid"], claims["ver"] = s.Microsoft()+"/"+tenant+"/v2.0", tenant, given.person.subject(), "2.0"
		profile = map[string]string{"name": given.person.Name, "preferred_username": given.person.Email}
	default:
		claims["email_verified"] = !given.person.Unverified
	}
	for name, value := range profile {
		if value != "" {
			claims[name] = value
		}
	}
	if len(accessToken) > 0 {
		sum := sha256.Sum256([]byte(accessToken[0]))
		claims["at_hash"] = base64.RawURLEncoding.EncodeToString(sum[:16])
	}
	maps.Copy(claims, given.person.Claims)
	if s.options.Claims != nil {
		s.options.Claims(claims)
	}
	return claims
}

func (p Person) tenant() string {
	if p.Tenant != "" {
		return p.Tenant
	}
	return DefaultTenant
}

// bearer says whose access token a request has.
func (s *Server) bearer(w http.ResponseWriter, r *http.Request) *grant {
	s.mu.Lock()
	given := s.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	s.mu.Unlock()
	if given == nil {
		reply(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token", "message": "Bad credentials"})
	}
	return given
}

func (s *Server) userInfo(w http.ResponseWriter, r *http.Request) {
	if given := s.bearer(w, r); given != nil {
		claims := s.claims(given.shape, given)
		for _, name := range []string{"iss", "aud", "iat", "exp", "auth_time", "nonce"} {
			delete(claims, name)
		}
		reply(w, http.StatusOK, claims)
	}
}

// revoke ends a token (RFC 7009).
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	_ = r.ParseForm()
	if _, ok := s.client(r, shapeOpenID); !ok && s.options.Clients != nil {
		reply(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	token := r.PostForm.Get("token")
	if given := s.refresh[token]; given != nil {
		for _, access := range given.tokens {
			delete(s.access, access)
		}
	}
	delete(s.access, token)
	delete(s.refresh, token)
	w.WriteHeader(http.StatusOK)
}

func (s *Server) githubUser(w http.ResponseWriter, r *http.Request) {
	if given := s.bearer(w, r); given != nil {
		person := given.person
		reply(w, http.StatusOK, map[string]any{
			"id": person.number(), "login": person.Nickname, "node_id": "U_" + person.subject(), "name": person.Name, "avatar_url": person.Picture,
			"email": nil, "type": "User", "two_factor_authentication": true,
		})
	}
}

func (s *Server) githubEmails(w http.ResponseWriter, r *http.Request) {
	given := s.bearer(w, r)
	if given == nil {
		return
	}
	if !slices.Contains(strings.Fields(given.scope), "user:email") {
		reply(w, http.StatusNotFound, map[string]string{"message": "Not Found"})
		return
	}
	reply(w, http.StatusOK, []map[string]any{
		{"email": given.person.Nickname + "@users.noreply.github.com", "primary": false, "verified": true, "visibility": nil},
		{"email": given.person.Email, "primary": true, "verified": !given.person.Unverified, "visibility": "private"},
	})
}

func (s *Server) githubRevoke(w http.ResponseWriter, r *http.Request) {
	var body struct {
		AccessToken string `json:"access_token"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&body) != nil {
		reply(w, http.StatusUnprocessableEntity, map[string]string{"message": "Validation Failed"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.access[body.AccessToken] == nil {
		reply(w, http.StatusNotFound, map[string]string{"message": "Not Found"})
		return
	}
	delete(s.access, body.AccessToken)
	w.WriteHeader(http.StatusNoContent)
}
