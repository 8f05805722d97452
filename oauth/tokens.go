package oauth

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
)

func tokensOf(token *oauth2.Token, now time.Time) (admit.ProviderTokens, error) {
	tokens := admit.ProviderTokens{AccessToken: token.AccessToken, RefreshToken: token.RefreshToken, TokenType: token.TokenType}
	if len(tokens.AccessToken) > maxToken || len(tokens.RefreshToken) > maxToken || len(tokens.TokenType) > 64 {
		return admit.ProviderTokens{}, failed("a token is too long")
	}
	if scope, ok := token.Extra("scope").(string); ok && scope != "" {
		// GitHub parts them by commas.
		tokens.Scopes = strings.FieldsFunc(scope, func(c rune) bool { return c == ' ' || c == ',' })
	}
	if token.ExpiresIn > 0 {
		tokens.ExpiresAt = now.Add(time.Duration(token.ExpiresIn) * time.Second)
	}
	return tokens, nil
}

// refresh asks for new tokens (RFC 6749, section 6).
func (e *engine) refresh(ctx context.Context, credentials admit.ProviderCredentials, refreshToken string, now time.Time) (admit.ProviderTokens, error) {
	defer e.end()
	ctx, cancel := context.WithTimeout(ctx, e.dialect.limit)
	defer cancel()
	at, err := e.endpoints(ctx, now)
	if err != nil {
		return admit.ProviderTokens{}, err
	}
	config, err := e.signedConfig(at, credentials, now)
	if err != nil {
		return admit.ProviderTokens{}, err
	}
	token, err := config.TokenSource(e.calling(ctx), &oauth2.Token{RefreshToken: refreshToken}).Token()
	if err != nil {
		return admit.ProviderTokens{}, exchangeError(ctx, hostOf(at.Token), err)
	}
	tokens, err := tokensOf(token, now)
	if tokens.RefreshToken == refreshToken { // x/oauth2 puts the old one in
		tokens.RefreshToken = ""
	}
	return tokens, err
}

// revoke ends a token (RFC 7009).
func (e *engine) revoke(ctx context.Context, credentials admit.ProviderCredentials, token string, now time.Time) error {
	defer e.end()
	ctx, cancel := context.WithTimeout(ctx, e.dialect.limit)
	defer cancel()
	at, err := e.endpoints(ctx, now)
	if err != nil || at.Revocation == "" {
		return err
	}
	config, err := e.signedConfig(at, credentials, now)
	if err != nil {
		return err
	}
	form := url.Values{"token": {token}}
	if config.Endpoint.AuthStyle == oauth2.AuthStyleInParams {
		form.Set("client_id", config.ClientID)
		form.Set("client_secret", config.ClientSecret)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.Revocation, strings.NewReader(form.Encode()))
	if err != nil {
		return failed("the endpoint cannot be read")
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if config.Endpoint.AuthStyle == oauth2.AuthStyleInHeader {
		request.SetBasicAuth(url.QueryEscape(config.ClientID), url.QueryEscape(config.ClientSecret))
	}
	return e.ended(request)
}

// ended sends a request to end a token. A token that has ended already is no error.
func (e *engine) ended(request *http.Request) error {
	answer, err := e.client.Do(request)
	if err != nil {
		return failed("%w", err)
	}
	var said struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(answer.Body, &said)
	if answer.Status < 300 || answer.Status == http.StatusBadRequest && (said.Error == "invalid_token" || said.Error == "invalid_grant") {
		return nil
	}
	return failed("ask %s to end a token: status %d", request.URL.Hostname(), answer.Status)
}
