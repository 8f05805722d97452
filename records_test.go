package admit

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
)

// withheld are the fields of the store that no host is handed: keys of look-ups,
// hashes, sealed bytes, and what rules keep count with.
var withheld = map[string][]string{
	"User":    {"Tenant", "EmailKey", "Version"},
	"Session": {"Tenant", "Generation", "SecretHash", "Confirmed", "Answers", "Used", "UsedBefore", "RotatedAt", "EndedAt", "EndReason"},
	"APIKey":  {"Tenant", "Hash"},
	"Event":   {"Tenant", "Delivered", "Seal", "ClientSalt", "DataSalt"},
	"Mail":    {"Tenant", "Sealed", "LeaseUntil", "Holder"},
}

// TestARecordOfAHostHasEachFieldOfTheStoreOrWithholdsIt converts records whose
// fields all differ from zero and from each other.
func TestARecordOfAHostHasEachFieldOfTheStoreOrWithholdsIt(t *testing.T) {
	var (
		user    store.User
		session store.Session
		key     store.APIKey
		event   store.Event
		mail    store.Mail
	)
	for kept, convert := range map[any]func() any{
		&user:    func() any { return userOf(&user) },
		&session: func() any { return sessionOf(&session) },
		&key:     func() any { return apiKeyOf(&key) },
		&event:   func() any { return eventOf(&event) },
		&mail:    func() any { return mailOf(&mail) },
	} {
		from := reflect.ValueOf(kept).Elem()
		fill(t, from)
		got := reflect.ValueOf(convert())
		name := got.Type().Name()
		for i := range got.NumField() {
			field := got.Type().Field(i)
			if !field.IsExported() {
				t.Errorf("%s.%s is not exported", name, field.Name)
				continue
			}
			switch name + "." + field.Name {
			case "Event.Prev", "Session.Impersonated":
				continue // a part of Seal, and of AMR
			}
			stored := from.FieldByName(field.Name)
			if !stored.IsValid() || !reflect.DeepEqual(stored.Interface(), got.Field(i).Interface()) {
				t.Errorf("%s.%s is %v, the store has %v", name, field.Name, got.Field(i), stored)
			}
		}
		for i := range from.NumField() {
			field := from.Type().Field(i).Name
			if shown := got.FieldByName(field).IsValid(); shown == slices.Contains(withheld[name], field) {
				t.Errorf("%s.%s: handed to a host is %v", name, field, shown)
			}
		}
	}
}

// fill gives each field of a record a value of its own.
func fill(t *testing.T, record reflect.Value) {
	t.Helper()
	for i := range record.NumField() {
		field, name := record.Field(i), record.Type().Field(i).Name
		switch field.Interface().(type) {
		case string:
			field.SetString(name)
		case []byte:
			field.SetBytes([]byte(name))
		case []string:
			field.Set(reflect.ValueOf([]string{name}))
		case bool:
			field.SetBool(true)
		case int, int64:
			field.SetInt(int64(i + 1))
		case time.Time:
			field.Set(reflect.ValueOf(time.Unix(int64(i+1), 0).UTC()))
		default:
			t.Fatalf("nothing fills %s.%s", record.Type(), name)
		}
	}
}

// A key whose scopes are nil may do everything, one with an empty list nothing.
func TestScopesOfAKeyStayNilOrEmpty(t *testing.T) {
	if got := apiKeyOf(&store.APIKey{}).Scopes; got != nil {
		t.Errorf("nil becomes %#v", got)
	}
	if got := apiKeyOf(&store.APIKey{Scopes: []string{}}).Scopes; got == nil {
		t.Error("an empty list becomes nil")
	}
	kept := store.APIKey{Scopes: []string{"users:read"}}
	apiKeyOf(&kept).Scopes[0] = "*:*"
	if kept.Scopes[0] != "users:read" {
		t.Error("a host can widen a key that a guard has accepted")
	}
}

// The ban of an account reads as it does in the store.
func TestABanOfAHostsUserIsThatOfTheStore(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, u := range []store.User{
		{}, {BannedAt: now}, {BannedAt: now, BanExpiresAt: now}, {BannedAt: now, BanExpiresAt: now.Add(1)}, {BanExpiresAt: now.Add(1)},
	} {
		if userOf(&u).Banned(now) != u.Banned(now) {
			t.Errorf("banned at %v until %v: %v", u.BannedAt, u.BanExpiresAt, u.Banned(now))
		}
	}
}

func TestAUserAndAPageAreConverted(t *testing.T) {
	page := pageOf([]store.User{{ID: "1"}, {ID: "2"}}, 7, userOf)
	if page.Total != 7 || len(page.Items) != 2 || page.Items[0].ID != "1" || page.Items[1].ID != "2" {
		t.Errorf("got %+v", page)
	}
	if toldEvents(nil) != nil {
		t.Error("events are told to nobody")
	}
}
