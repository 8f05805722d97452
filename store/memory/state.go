package memory

import (
	"encoding/binary"
	"hash/maphash"
	"strings"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// row is the key of a record: unique within a role.
type row struct{ tenant, id string }

// tokenRow is the key of a one-time token.
type tokenRow struct{ tenant, kind, hash string }

// recordKey is a key of a record.
type recordKey struct{ tenant, kind, key string }

// state is the whole database at one moment. Tables find a record by its key;
// indexes keep keys in the order that a verb wants them.
type state struct {
	users     table[row, store.User]
	listed    index[row]          // accounts by id, while not deleted
	deleted   index[row]          // accounts by id, while deleted
	addresses table[row, address] // by e-mail key
	reserved  index[row]          // addresses reserved, by the end of that

	passwords table[row, store.Password]

	sessions         table[row, store.Session]
	sessionsOf       index[row] // by account and id, while not ended
	sessionsOpen     index[row] // those not ended, by creation
	sessionsExpiring index[row]

	tokens         table[tokenRow, store.Token]
	tokensOfUser   index[tokenRow]
	tokensOfEmail  index[tokenRow]
	tokensUnused   index[tokenRow] // by creation
	tokensExpiring index[tokenRow]

	apiKeys      index[store.APIKey] // by id
	apiKeyHashes table[row, string]  // place in apiKeys, by hash

	keys         index[store.Key]   // by purpose and sequence
	keyPlaces    table[row, string] // place in keys, by id
	keysExpiring index[row]

	records         index[store.Record]      // by kind and id
	recordKeys      table[recordKey, string] // place in records
	recordRefs      index[string]            // places in records, by ref, kind and id
	recordsExpiring index[string]

	organizations table[row, store.Organization]
	slugs         table[row, string] // ids of organisations, by slug
	purging       index[row]         // organisations that will be purged, by PurgeAt

	members     table[memberRow, store.Member]
	membersOf   index[memberRow] // by organisation and account
	membersIn   index[memberRow] // by organisation, role and account
	memberships index[memberRow] // by account and organisation

	events        index[store.Event] // by id
	eventsPending index[struct{}]    // places in events
	unchained     index[struct{}]    // places in events
	chained       index[string]      // places in events, by Seq

	counters         table[row, counter]
	countersExpiring index[row]

	mail       index[store.Mail] // by id
	mailQueued index[string]     // places in mail, by queue, whether given up, and id
	mailFree   index[string]     // places in mail of those alive and without a lease, by queue and NextAt
	mailLeased index[string]     // places in mail of those alive with a lease, by queue and LeaseUntil

	leases table[row, lease]
}

func newState() *state {
	seed := maphash.MakeSeed()
	return &state{
		users:         newTable[row, store.User](seed),
		addresses:     newTable[row, address](seed),
		passwords:     newTable[row, store.Password](seed),
		sessions:      newTable[row, store.Session](seed),
		tokens:        newTable[tokenRow, store.Token](seed),
		apiKeyHashes:  newTable[row, string](seed),
		keyPlaces:     newTable[row, string](seed),
		recordKeys:    newTable[recordKey, string](seed),
		organizations: newTable[row, store.Organization](seed),
		slugs:         newTable[row, string](seed),
		members:       newTable[memberRow, store.Member](seed),
		counters:      newTable[row, counter](seed),
		leases:        newTable[row, lease](seed),
	}
}

// place makes a key of an index. No text holds U+0000, so joined texts sort
// like their parts one after the other, and no two lists join to the same.
func place(parts ...string) string { return strings.Join(parts, "\x00") }

// under is the prefix of every place that starts with the same parts.
func under(parts ...string) string { return place(parts...) + "\x00" }

// moment is a time as text of fixed length that sorts like the time.
func moment(t time.Time) string {
	const sign = 1 << 63
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(t.UnixMicro())^sign)
	return string(b[:])
}

// cut gives a time the form in which it is kept and compared.
func cut(t time.Time) time.Time { return text.Time(t) }

// due is the place in an index over all tenants of what happens at a time.
func due(at time.Time, parts ...string) string { return moment(at) + place(parts...) }

// created is the place in an index by creation within a tenant.
func created(tenant string, at time.Time, parts ...string) string {
	return under(tenant) + due(at, parts...)
}

// clone returns the bytes in memory of their own, and of no more than they need.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	cloned := make([]byte, len(b))
	copy(cloned, b)
	return cloned
}

// onPage reports whether the record with this index in its list is on the page.
func onPage(i int, p store.Page) bool { return i >= p.Offset() && i < p.Offset()+p.Limit }
