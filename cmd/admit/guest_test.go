package main

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// TestGuestRefusesEveryVerbThatNoCommandNeeds asks each verb of the contract. A
// verb that is new to the contract is refused until a command needs it.
func TestGuestRefusesEveryVerbThatNoCommandNeeds(t *testing.T) {
	allowed := map[string]bool{
		"User": true, "LockUser": true, "UserByEmail": true, "CreateUser": true, "UpdateUser": true, "PutPassword": true,
		"ListSessions": true, "EndSessions": true, "EndSessionsBefore": true, "DeleteTokens": true, "DeleteTokensBefore": true,
		"CreateAPIKey": true, "ListAPIKeys": true, "RevokeAPIKey": true, "RevokeAPIKeysOf": true, "ListKeys": true, "ResealKey": true,
		"ListMail": true, "ReviveMail": true, "ResealMail": true, "AppendEvent": true, "NextMail": true, "AcquireLease": true,
		"VerifyEmail": true, "DeleteUser": true, "Password": true, "DeletePassword": true, "EndSession": true, "ListUsers": true, "ListEvents": true,
		"Tx": true, "WithTx": true, "Ping": true,
	}
	contract := reflect.TypeFor[store.Store]()
	ask := func(s store.Store) {
		for method := range contract.Methods() {
			name := method.Name
			if name == "Tx" || name == "WithTx" {
				continue
			}
			verb := reflect.ValueOf(s).MethodByName(name)
			var args []reflect.Value
			for j := range verb.Type().NumIn() {
				switch in := verb.Type().In(j); {
				case j == 0:
					args = append(args, reflect.ValueOf(t.Context()))
				case verb.Type().IsVariadic() && j == verb.Type().NumIn()-1:
				default:
					args = append(args, reflect.Zero(in))
				}
			}
			results := verb.Call(args)
			err, _ := reflect.TypeAssert[error](results[len(results)-1])
			if refused := errors.Is(err, errGuest); refused == allowed[name] {
				t.Errorf("%s: %v; allowed should be %v", name, err, allowed[name])
			}
		}
	}
	ask(newGuest(memory.New(), true))
	if err := newGuest(memory.New(), true).Tx(t.Context(), func(_ context.Context, tx store.Store) error {
		ask(tx)
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := newGuest(memory.New(), true).WithTx(nil).CreateKey(t.Context(), store.Key{ID: "k"}); !errors.Is(err, errGuest) {
		t.Errorf("CreateKey in a host's transaction: %v", err)
	}
}
