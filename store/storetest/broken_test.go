package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// recorder is a reporter that keeps what is reported to it.
type recorder struct {
	mutex   sync.Mutex
	reports []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.reports = append(r.reports, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// reported runs the race on a store and returns what it reports.
func reported(r race, s store.Store) []string {
	var reports recorder
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.run(newScene(&reports, s, "tenant"), 1000)
	}()
	<-done
	return reports.reports
}

// readThenWrite makes stores of which some verbs first read what they would
// answer and then write, with a moment in between in which others may do the
// same.
func readThenWrite(verbs ...string) func() store.Store {
	undone := errors.New("only read")
	return func() store.Store {
		return wrapped{memory.New(), func(ctx context.Context, s store.Store, verb string, call call) error {
			if !slices.Contains(verbs, verb) {
				return call(ctx, s)
			}
			var read error
			if err := s.Tx(ctx, func(ctx context.Context, tx store.Store) error {
				read = call(ctx, tx)
				return undone
			}); !errors.Is(err, undone) {
				return err
			}
			runtime.Gosched()
			if err := call(ctx, s); err != nil && read == nil && !refusal(err) {
				return err
			}
			return read
		}}
	}
}

// refusal answers whether a write came too late, which the caller of a store
// that reads first never learns.
func refusal(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound)
}

// broken says for each race which store loses it.
var broken = map[string]func() store.Store{
	"CreateUser gives an address to one account":                              readThenWrite("CreateUser"),
	"CreateUser gives an id to one account":                                   readThenWrite("CreateUser"),
	"UpdateUser follows one reader":                                           readThenWrite("UpdateUser"),
	"VerifyEmail happens once":                                                readThenWrite("VerifyEmail"),
	"ClaimEmail gives an address to one account":                              readThenWrite("ClaimEmail"),
	"ClaimEmail moves an account once from where it was":                      readThenWrite("ClaimEmail"),
	"DeleteUser happens once":                                                 readThenWrite("DeleteUser"),
	"RestoreUser happens once":                                                readThenWrite("RestoreUser"),
	"an address that was free goes to a restored or to a new account":         readThenWrite("RestoreUser", "CreateUser"),
	"PurgeUser and RestoreUser never both win an account":                     readThenWrite("RestoreUser", "PurgeUser"),
	"SwapPassword follows one reader":                                         readThenWrite("SwapPassword"),
	"CreateSession gives an id to one session":                                readThenWrite("CreateSession"),
	"RotateSessionUser accepts a token once":                                  readThenWrite("RotateSessionUser"),
	"DeleteChainedEvents counts each event once":                              readThenWrite("DeleteChainedEvents"),
	"ChainEvents counts each event once":                                      readThenWrite("ChainEvents"),
	"DeleteMail happens once":                                                 readThenWrite("DeleteMail"),
	"AnswerSession gives each number once":                                    readThenWrite("AnswerSession"),
	"RotateSession accepts a token once":                                      readThenWrite("RotateSession"),
	"SpendToken happens once":                                                 readThenWrite("SpendToken"),
	"Write adds a token once":                                                 readThenWrite("Write"),
	"EndSession happens once":                                                 readThenWrite("EndSession"),
	"EndSessions counts each session once":                                    readThenWrite("EndSessions"),
	"EndOldestSessions ends no more than there are too many":                  readThenWrite("EndOldestSessions"),
	"EndSessionsBefore counts each session once":                              readThenWrite("EndSessionsBefore"),
	"TouchSessions never lowers the last activity":                            readWholeThenWrite,
	"CreateToken gives a kind and hash to one token":                          readThenWrite("CreateToken"),
	"ConsumeToken happens once":                                               readThenWrite("ConsumeToken"),
	"TryToken allows MaxTries":                                                readThenWrite("TryToken"),
	"DeleteTokens counts each token once":                                     readThenWrite("DeleteTokens"),
	"DeleteTokensBefore counts each token once":                               readThenWrite("DeleteTokensBefore"),
	"CreateAPIKey gives a hash to one key":                                    readThenWrite("CreateAPIKey"),
	"RevokeAPIKey happens once":                                               readThenWrite("RevokeAPIKey"),
	"RevokeAPIKeysOf counts each key once":                                    readThenWrite("RevokeAPIKeysOf"),
	"TouchAPIKey never lowers the last use":                                   readWholeThenWrite,
	"CreateKey gives a sequence to one key":                                   readThenWrite("CreateKey"),
	"ResealKey follows one reader":                                            readThenWrite("ResealKey"),
	"CreateRecord gives an id to one record":                                  readThenWrite("CreateRecord"),
	"CreateRecord gives a key to one record":                                  readThenWrite("CreateRecord"),
	"SwapRecord follows one reader":                                           readThenWrite("SwapRecord"),
	"SwapRecord gives a key to one record":                                    readThenWrite("SwapRecord"),
	"DeleteRecord happens once":                                               readThenWrite("DeleteRecord"),
	"DeleteRecordsOf counts each record once":                                 readThenWrite("DeleteRecordsOf"),
	"a record that is deleted while its keys change leaves none behind":       keysAside,
	"CreateOrganization gives a slug to one organisation":                     readThenWrite("CreateOrganization"),
	"UpdateOrganization follows one reader":                                   readThenWrite("UpdateOrganization"),
	"UpdateOrganization gives a slug to one organisation":                     readThenWrite("UpdateOrganization"),
	"AddMember happens once":                                                  readThenWrite("AddMember"),
	"SetMemberRole happens once":                                              readThenWrite("SetMemberRole"),
	"RemoveMember happens once":                                               readThenWrite("RemoveMember"),
	"RemoveMembershipsOf counts each membership once":                         readThenWrite("RemoveMembershipsOf"),
	"an organisation that is locked keeps an owner":                           withoutLocks,
	"AppendEvent gives an id to one event":                                    readThenWrite("AppendEvent"),
	"Hit lets Limit through, of each counter or of none":                      readThenWrite("Hit"),
	"Hit lets Limit through in a window that starts anew":                     readThenWrite("Hit"),
	"Unhit takes back each hit":                                               readWholeThenWrite,
	"AddMail gives an id to one message":                                      readThenWrite("AddMail"),
	"AC-208 ClaimMail gives each message to one claimer":                      readThenWrite("ClaimMail"),
	"RemoveMail happens once":                                                 readThenWrite("RemoveMail"),
	"DeferMail happens once":                                                  readThenWrite("DeferMail"),
	"BuryMail happens once":                                                   readThenWrite("BuryMail"),
	"ReviveMail happens once":                                                 readThenWrite("ReviveMail"),
	"ResealMail follows one reader":                                           readThenWrite("ResealMail"),
	"AcquireLease gives a lease to one holder":                                readThenWrite("AcquireLease"),
	"no refresh succeeds after EndSession":                                    readWholeThenWrite,
	"no refresh succeeds after EndSessions":                                   readWholeThenWrite,
	"no refresh succeeds after DeleteUser":                                    readWholeThenWrite,
	"no refresh succeeds after a ban":                                         readWholeThenWrite,
	"a session ends once, alone or with all":                                  readThenWrite("EndSession", "EndSessions", "EndOldestSessions"),
	"a token is used or deleted, never both":                                  readThenWrite("ConsumeToken"),
	"an address that was left is never verified":                              readThenWrite("VerifyEmail"),
	"an update never undoes a verification":                                   readThenWrite("UpdateUser"),
	"AK-05 a key that is revoked while in use stays revoked":                  readWholeThenWrite,
	"a message whose claim ran out is removed or claimed again, never both":   readThenWrite("ClaimMail"),
	"a sign-in and a revocation that lock the account do not pass each other": withoutLocks,
}

// TestEveryRaceFindsAStoreThatReadsThenWrites shows that each race can be lost.
func TestEveryRaceFindsAStoreThatReadsThenWrites(t *testing.T) {
	all := slices.Concat(races, crossRaces)
	if len(all) != len(broken) {
		t.Errorf("%d races, %d broken stores", len(all), len(broken))
	}
	for _, r := range all {
		t.Run(r.name, func(t *testing.T) {
			open, known := broken[r.name]
			if !known {
				t.Fatal("no store is known to lose this race")
			}
			if reports := reported(r, open()); len(reports) == 0 {
				t.Error("the race did not find the broken store")
			} else {
				t.Log(strings.Join(reports, "; "))
			}
		})
	}
}

// TestSweepRaceFindsASweeperThatReadsThenWrites shows the same for the one race
// that needs a store of its own.
func TestSweepRaceFindsASweeperThatReadsThenWrites(t *testing.T) {
	if reports := reported(sweepRace, readThenWrite("Sweep")()); len(reports) == 0 {
		t.Error("the race did not find the broken store")
	}
}

// TestEveryAtomicVerbHasARace keeps the races complete: a verb that decides and
// writes must be among those that a race catches when it is broken.
func TestEveryAtomicVerbHasARace(t *testing.T) {
	// These write whatever was there before, and answer nothing.
	unconditional := map[string]bool{
		"PutPassword": true, "DeletePassword": true, "DeliverEvents": true, "ClearCounters": true,
		"ConfirmSession": true, "ProveSession": true, "EnterOrganization": true, "Sweep": true, "Tx": true,
	}
	for _, v := range verbs {
		if !v.writes || unconditional[v.name] {
			continue
		}
		found := false
		for _, r := range races {
			found = found || strings.Contains(r.name, v.name+" ")
		}
		if !found {
			t.Errorf("no race is about %s", v.name)
		}
	}
}

// forgetful is a store that keeps some facts by reading a whole record, waiting
// a moment and writing the whole record back.
type forgetful struct {
	store.Store
	mutex    sync.Mutex
	sessions map[string]store.Session
	apiKeys  map[string]store.APIKey
	hits     map[string]int
}

// change reads a record and writes it back later, changed. Each step by itself
// is safe, both together are not.
func change[T any](s *forgetful, records *map[string]T, id string, change func(*T) bool) bool {
	s.mutex.Lock()
	record := (*records)[id]
	s.mutex.Unlock()
	if !change(&record) {
		return false
	}
	runtime.Gosched()
	put(s, records, id, record)
	return true
}

func put[T any](s *forgetful, records *map[string]T, id string, record T) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if *records == nil {
		*records = map[string]T{}
	}
	(*records)[id] = record
}

func readWholeThenWrite() store.Store { return &forgetful{Store: memory.New()} }

func (s *forgetful) CreateSession(_ context.Context, x store.Session) error {
	put(s, &s.sessions, x.ID, x)
	return nil
}

func (s *forgetful) SessionUser(ctx context.Context, tenant, id string) (x store.Session, u store.User, err error) {
	change(s, &s.sessions, id, func(kept *store.Session) bool { x = *kept; return false })
	u, err = s.User(ctx, tenant, x.UserID)
	return x, u, err
}

// RotateSession writes the whole session back and does not ask for its account.
func (s *forgetful) RotateSession(_ context.Context, r store.Rotation) (bool, error) {
	return change(s, &s.sessions, r.ID, func(x *store.Session) bool {
		if x.Generation != r.Generation || !x.Live(r.Now) {
			return false
		}
		x.Generation, x.SecretHash = r.Generation+1, r.NextHash
		return true
	}), nil
}

func (s *forgetful) EndSession(_ context.Context, _, _, id string, at time.Time, _ string) (bool, error) {
	return change(s, &s.sessions, id, func(x *store.Session) bool {
		live := x.Live(at)
		x.EndedAt = at
		return live
	}), nil
}

func (s *forgetful) EndSessions(_ context.Context, e store.SessionEnd) (ended int, err error) {
	var ids []string
	s.mutex.Lock()
	for id, x := range s.sessions {
		if x.UserID == e.UserID {
			ids = append(ids, id)
		}
	}
	s.mutex.Unlock()
	for _, id := range ids {
		if done, _ := s.EndSession(nil, e.Tenant, e.UserID, id, e.At, e.Reason); done { //nolint:staticcheck // It takes no notice of a context.
			ended++
		}
	}
	return ended, nil
}

func (s *forgetful) TouchSessions(_ context.Context, activity []store.Activity) error {
	for _, a := range activity {
		change(s, &s.sessions, a.ID, func(x *store.Session) bool {
			raise := a.At.After(x.LastActivityAt)
			x.LastActivityAt = a.At
			return raise
		})
	}
	return nil
}

func (s *forgetful) CreateAPIKey(_ context.Context, k store.APIKey) error {
	put(s, &s.apiKeys, k.ID, k)
	return nil
}

func (s *forgetful) APIKeyOwner(_ context.Context, _ string, hash []byte) (store.APIKey, store.User, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, k := range s.apiKeys {
		if string(k.Hash) == string(hash) {
			return k, store.User{}, nil
		}
	}
	return store.APIKey{}, store.User{}, store.ErrNotFound
}

func (s *forgetful) TouchAPIKey(_ context.Context, _, id string, at time.Time) error {
	change(s, &s.apiKeys, id, func(k *store.APIKey) bool {
		raise := at.After(k.LastUsedAt)
		k.LastUsedAt = at
		return raise
	})
	return nil
}

func (s *forgetful) RevokeAPIKey(_ context.Context, _, id string, at time.Time) (bool, error) {
	return change(s, &s.apiKeys, id, func(k *store.APIKey) bool {
		revoke := k.RevokedAt.IsZero()
		k.RevokedAt = at
		return revoke
	}), nil
}

func (s *forgetful) Hit(_ context.Context, now time.Time, counters ...store.Counter) (store.Counted, error) {
	c := counters[0]
	done := change(s, &s.hits, c.Key, func(hits *int) bool {
		*hits++
		return *hits <= c.Limit
	})
	return store.Counted{OK: done, ResetAt: now.Add(c.Window)}, nil
}

func (s *forgetful) Unhit(_ context.Context, _ string, keys ...string) error {
	for _, key := range keys {
		change(s, &s.hits, key, func(hits *int) bool {
			*hits--
			return *hits >= 0
		})
	}
	return nil
}

// aside is a store that keeps the keys of records beside the records, and
// changes the two one after the other.
type aside struct {
	store.Store
	mutex sync.Mutex
	keys  map[string]string
}

func keysAside() store.Store { return &aside{Store: memory.New(), keys: map[string]string{}} }

// belong gives keys to a record, or frees them for the id "".
func (s *aside) belong(keys []string, id string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, key := range keys {
		s.keys[key] = id
	}
}

func (s *aside) CreateRecord(ctx context.Context, r store.Record) error {
	s.mutex.Lock()
	taken := slices.ContainsFunc(r.Keys, func(key string) bool { return s.keys[key] != "" })
	s.mutex.Unlock()
	if taken {
		return store.ErrConflict
	}
	s.belong(r.Keys, r.ID)
	return s.Store.CreateRecord(ctx, r)
}

func (s *aside) SwapRecord(ctx context.Context, r store.Record) (bool, error) {
	old, err := s.Record(ctx, r.Tenant, r.Kind, r.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && old.Version != r.Version {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.belong(old.Keys, "")
	s.belong(r.Keys, r.ID)
	runtime.Gosched()
	return s.Store.SwapRecord(ctx, r)
}

func (s *aside) DeleteRecord(ctx context.Context, tenant, kind, id string) (bool, error) {
	old, err := s.Record(ctx, tenant, kind, id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.belong(old.Keys, "")
	runtime.Gosched()
	return s.Store.DeleteRecord(ctx, tenant, kind, id)
}

// unlocked is a store whose transactions are none: each verb takes effect by
// itself, and a lock holds nobody.
type unlocked struct{ store.Store }

func withoutLocks() store.Store { return unlocked{memory.New()} }

func (s unlocked) Tx(ctx context.Context, fn func(ctx context.Context, tx store.Store) error) error {
	return fn(ctx, s)
}

func (s unlocked) LockUser(ctx context.Context, tenant, id string) (store.User, error) {
	defer runtime.Gosched()
	return s.User(ctx, tenant, id)
}
