package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
)

// profile measures reading and changing a profile. Each client has an account of its
// own, and each change changes something.
func profile(l *lab) error {
	return l.onEach(func(kind string, p *process) error {
		var signed [clients]tokens
		var paths [clients]string
		for i := range signed {
			var err error
			if signed[i], err = p.signUp(i); err != nil {
				return err
			}
			body, err := p.me(signed[i].AccessToken)
			if err != nil {
				return err
			}
			var account struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(body, &account); err != nil {
				return err
			}
			paths[i] = p.url + "/v1/users/" + account.ID + "/profile"
		}
		if err := p.settle(l.ctx); err != nil {
			return err
		}
		var turn atomic.Int64
		change := func(client int) error {
			body := fmt.Sprintf(`{"bio":"Turn %d"}`, turn.Add(1))
			_, err := send(http.MethodPatch, paths[client], signed[client].AccessToken, body, http.StatusOK)
			return err
		}
		read := func(client int) error {
			_, err := send(http.MethodGet, paths[client], signed[client].AccessToken, "", http.StatusOK)
			return err
		}
		if err := l.figure("PATCH profile, "+kind, func() (cost, error) { return p.spent(l.ctx, l.calls/8, change) }); err != nil {
			return err
		}
		return l.figure("GET profile, "+kind, func() (cost, error) { return p.spent(l.ctx, l.calls, read) })
	})
}
