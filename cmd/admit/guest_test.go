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
		"User": true, "LockUser": true, "UserByEmail": true, "LockUserByEmail": true, "CreateUser": true, "UpdateUser": true, "PutPassword": true,
		"ListSessions": true, "EndSessions": true, "EndSessionsBefore": true, "Token": true, "DeleteTokens": true, "DeleteTokensBefore": true,
		"CreateAPIKey": true, "APIKey": true, "ListAPIKeys": true, "RevokeAPIKey": true, "RevokeAPIKeysOf": true, "ListKeys": true, "ResealKey": true,
		"ListMail": true, "ReviveMail": true, "ResealMail": true, "AppendEvent": true, "NextMail": true, "AcquireLease": true,
		"VerifyEmail": true, "DeleteUser": true, "ListDeletedUsers": true, "RestoreUser": true, "PurgeUser": true, "Password": true, "DeletePassword": true, "EndSession": true, "ListUsers": true, "ListEvents": true, "UnchainedEvents": true, "ChainedEvents": true,
		"Record": true, "RecordByKey": true, "ListRecords": true, "SwapRecord": true, "DeleteRecordsOf": true,
		"Organization": true, "ListOrganizationsOf": true, "LockOrganization": true, "ListMembers": true, "RemoveMembershipsOf": true, // a deletion leaves them
		"Tx": true, "WithTx": true, "Ping": true, "Write": true,
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

// TestGuestWritesNothingThatIsForTheApplication asks for each part of a batch.
func TestGuestWritesNothingThatIsForTheApplication(t *testing.T) {
	app := memory.New()
	for name, b := range map[string]store.Batch{
		"tokens":   {Tokens: []store.Token{{}}},
		"mails":    {Mails: []store.Mail{{}}},
		"sessions": {Sessions: []store.Session{{}}},
		"rooms":    {Rooms: []store.Room{{}}},
		"clear":    {Clear: []string{"a"}},
		"unhit":    {Unhit: []string{"a"}},
	} {
		if _, err := newGuest(app, true).Write(t.Context(), b); !errors.Is(err, errGuest) {
			t.Errorf("%s: %v", name, err)
		}
		_, err := newMailingGuest(app).Write(t.Context(), b)
		if sealed := name == "tokens" || name == "mails"; errors.Is(err, errGuest) == sealed {
			t.Errorf("%s of a guest that may mail: %v", name, err)
		}
	}
	for i, tell := range []bool{true, false} {
		id := string(rune('a' + i))
		if _, err := newGuest(app, tell).Write(t.Context(), store.Batch{Events: []store.Event{{ID: id}}}); err != nil {
			t.Fatal(err)
		}
		events, err := app.ListEvents(t.Context(), store.EventQuery{Limit: 10})
		if err != nil || len(events) != i+1 || events[i].Delivered == tell {
			t.Errorf("with tell %v the event is kept as %+v, %v", tell, events, err)
		}
	}
}
