package admit

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

// This file counts what happens. The worker that links the audit log counts each
// event once, in the transaction that links it, into one record a day. Reading the
// numbers of 30 days is therefore one short list, however many events there are.

const (
	recordStats = "stats"
	statsFormat = 1
	// statsKept is how long the record of a day is kept. 30 full days are always
	// there.
	statsKept = 32 * 24 * time.Hour
	statsDays = 30
	statsDay  = "2006-01-02"
	// statsLast is how long numbers are shown that were read before.
	statsLast = time.Minute
	statsSize = 24 + statsDays
)

// Statistics has numbers of what happens.
type Statistics struct {
	*kernel
	known *knownStats
}

func (st *Statistics) feature() feature {
	return feature{
		name: "stats",
		routes: []route{
			{method: http.MethodGet, path: "/admin/stats", who: adminGroup, scope: "stats:read", serve: st.handleStats},
		},
		holds: holding{nothing: "numbers are about nobody"},
	}
}

// StatsSpan has the numbers of an hour or of a day.
type StatsSpan struct {
	// Start is the beginning of the hour or of the day (UTC).
	Start time.Time
	// SignUps is the number of new accounts without those of imports, SignIns the
	// number of new sessions.
	SignUps, SignIns int
	// Failures is the number of failures for each reason: "wrong-credentials",
	// "wrong-passkey", "leaked-password", "reused-refresh-token", "limit/" and the
	// name of a budget, or "key/" and the code of the refusal. Nil if there is none.
	Failures map[string]int
}

// Stats has numbers for operators.
type Stats struct {
	// At is when the numbers were read. They are read again after a minute.
	At time.Time
	// Hours are the last 24 hours and Days the last 30 days, the oldest first. The
	// last of each is not over yet.
	Hours, Days []StatsSpan
	// Waiting and Dead are the numbers of messages for each queue of the outbox that
	// wait and that were given up.
	Waiting, Dead map[string]int
	// KeyCreatedAt is when the newest signing key was made. Zero if there is none.
	KeyCreatedAt time.Time
	// PendingMigrations are the migrations of the store that were not applied. Nil
	// if there is none, or if the store has no migrations.
	PendingMigrations []string
}

// knownStats are the numbers that were read last. A nil Stats was never read.
type knownStats struct {
	mu   sync.Mutex
	last *Stats
}

// dayStats is what the record of a day holds.
type dayStats struct {
	Version int `json:"v"`
	// Hours are the hours of the day in which something happened.
	Hours map[int]*spanStats `json:"hours"`
}

type spanStats struct {
	SignUps  int            `json:"signUps,omitempty"`
	SignIns  int            `json:"signIns,omitempty"`
	Failures map[string]int `json:"failures,omitempty"`
}

// statsFacts are the data of events that are counted.
type statsFacts struct {
	Imported bool   `json:"imported"`
	Count    int    `json:"count"`
	Method   string `json:"method"`
	Budget   string `json:"budget"`
	Code     string `json:"code"`
}

// count adds an event. It returns false if the event is not counted.
func (s *spanStats) count(e *store.Event) bool {
	var facts statsFacts
	if len(e.Data) > 0 && json.Unmarshal(e.Data, &facts) != nil {
		facts = statsFacts{} // an event of another version
	}
	var reason string
	switch e.Kind {
	case eventUserCreated:
		if facts.Imported {
			return false
		}
		s.SignUps++
		return true
	case eventSessionCreated:
		s.SignIns++
		return true
	case eventSignInFailed:
		reason = "wrong-credentials"
		if facts.Method == "passkey" {
			reason = "wrong-passkey"
		}
	case eventLimitReached:
		reason = "limit/" + facts.Budget
	case eventKeyRefused:
		reason = "key/" + facts.Code
	case eventPasswordLeaked:
		reason = "leaked-password"
	case eventRefreshReused:
		reason = "reused-refresh-token"
	default:
		return false
	}
	if s.Failures == nil {
		s.Failures = map[string]int{}
	}
	s.Failures[reason] += max(facts.Count, 1)
	return true
}

// countEvents counts events into the records of their days. The caller counts each
// event once, and no other transaction counts at the same time.
func countEvents(ctx context.Context, now time.Time, tx store.Store, events []store.Event) error {
	days := map[string][]*store.Event{}
	for i := range events {
		if e := &events[i]; now.Sub(e.At) < statsKept {
			day := e.At.UTC().Format(statsDay)
			days[day] = append(days[day], e)
		}
	}
	for day, of := range days {
		if err := countDay(ctx, now, tx, day, of); err != nil {
			return err
		}
	}
	return nil
}

func countDay(ctx context.Context, now time.Time, tx store.Store, day string, events []*store.Event) error {
	r, err := tx.Record(ctx, tenant, recordStats, day)
	missing := errors.Is(err, store.ErrNotFound)
	if err != nil && !missing {
		return err
	}
	kept := readDay(r.Data)
	changed := false
	for _, e := range events {
		hour := e.At.UTC().Hour()
		span := kept.Hours[hour]
		if span == nil {
			span = &spanStats{}
		}
		if span.count(e) {
			kept.Hours[hour], changed = span, true
		}
	}
	if !changed {
		return nil
	}
	if r.Data, err = json.Marshal(kept); err != nil {
		return err
	}
	r.UpdatedAt = now
	if missing {
		start, _ := time.Parse(statsDay, day)
		r.Tenant, r.Kind, r.ID, r.CreatedAt, r.ExpiresAt = tenant, recordStats, day, now, start.Add(statsKept)
		return tx.CreateRecord(ctx, r)
	}
	swapped, err := tx.SwapRecord(ctx, r)
	if err == nil && !swapped {
		err = errors.New("two transactions count events at the same time")
	}
	return err
}

// readDay reads the data of a record. Data of another version count as none.
func readDay(data []byte) dayStats {
	var d dayStats
	if json.Unmarshal(data, &d) != nil || d.Version != statsFormat || d.Hours == nil {
		d = dayStats{Version: statsFormat, Hours: map[int]*spanStats{}}
	}
	return d
}

// Read returns the numbers of the last 24 hours and of the last 30 days, of the
// outbox, the signing keys and the migrations. The numbers are up to a minute old.
// ErrUnavailable.
func (st *Statistics) Read(ctx context.Context) (Stats, error) {
	now := st.now()
	known := st.known
	known.mu.Lock()
	defer known.mu.Unlock()
	if s := known.last; s != nil && !now.Before(s.At) && now.Sub(s.At) < statsLast {
		return *s, nil
	}
	linkEvents(st.kernel)
	read, err := st.readStats(ctx, now)
	if err != nil {
		return Stats{}, fault(err)
	}
	if st.after == nil {
		known.last = &read
	}
	return read, nil
}

func (st *Statistics) readStats(ctx context.Context, now time.Time) (Stats, error) {
	s := Stats{At: now, Waiting: map[string]int{}, Dead: map[string]int{}}
	records, _, err := st.store.ListRecords(ctx, tenant, recordStats, "", store.Page{Number: 1, Limit: 4 * statsDays})
	if err != nil {
		return s, err
	}
	days := map[string]dayStats{}
	for _, r := range records {
		days[r.ID] = readDay(r.Data)
	}
	hour, day := now.Truncate(time.Hour), now.Truncate(24*time.Hour)
	for i := range 24 {
		at := hour.Add(time.Duration(i-23) * time.Hour)
		span := StatsSpan{Start: at}
		span.add(days[at.Format(statsDay)].Hours[at.Hour()])
		s.Hours = append(s.Hours, span)
	}
	for i := range statsDays {
		span := StatsSpan{Start: day.AddDate(0, 0, i-statsDays+1)}
		for _, of := range days[span.Start.Format(statsDay)].Hours {
			span.add(of)
		}
		s.Days = append(s.Days, span)
	}
	for _, queue := range []string{store.QueueMail, store.QueueWebhook, store.QueueRevocation} {
		for dead, into := range map[bool]map[string]int{false: s.Waiting, true: s.Dead} {
			if _, into[queue], err = st.store.ListMail(ctx, tenant, queue, dead, store.Page{Number: 1, Limit: 1}); err != nil {
				return s, err
			}
		}
	}
	if s.KeyCreatedAt, err = st.tokens.SigningSince(ctx, st.store, now); err != nil {
		return s, err
	}
	if migrating, ok := st.store.(interface {
		Pending(ctx context.Context) ([]string, error)
	}); ok {
		s.PendingMigrations, err = migrating.Pending(ctx)
	}
	return s, err
}

// add adds the numbers of an hour, which may be nil.
func (s *StatsSpan) add(of *spanStats) {
	if of == nil {
		return
	}
	s.SignUps += of.SignUps
	s.SignIns += of.SignIns
	for reason, n := range of.Failures {
		if s.Failures == nil {
			s.Failures = map[string]int{}
		}
		s.Failures[reason] += n
	}
}

type statsSpanBody struct {
	Start    webio.Instant  `json:"start"`
	SignUps  int            `json:"signUps"`
	SignIns  int            `json:"signIns"`
	Failures map[string]int `json:"failures"`
}

type statsQueueBody struct {
	Waiting int `json:"waiting"`
	Dead    int `json:"dead"`
}

type statsBody struct {
	At                webio.Instant             `json:"at"`
	Hours             []statsSpanBody           `json:"hours"`
	Days              []statsSpanBody           `json:"days"`
	DeadMail          int                       `json:"deadMail"`
	Outbox            map[string]statsQueueBody `json:"outbox"`
	KeyCreatedAt      webio.Instant             `json:"keyCreatedAt"`
	KeyAge            *int64                    `json:"keyAgeSeconds"`
	PendingMigrations []string                  `json:"pendingMigrations"`
}

func showSpans(spans []StatsSpan) []statsSpanBody {
	list := make([]statsSpanBody, len(spans))
	for i, s := range spans {
		list[i] = statsSpanBody{webio.Instant(s.Start), s.SignUps, s.SignIns, s.Failures}
		if s.Failures == nil {
			list[i].Failures = map[string]int{}
		}
	}
	return list
}

func (st *Statistics) handleStats(w http.ResponseWriter, r *http.Request) error {
	s, err := st.Read(r.Context())
	if err != nil {
		return err
	}
	body := statsBody{
		At: webio.Instant(s.At), Hours: showSpans(s.Hours), Days: showSpans(s.Days), DeadMail: s.Dead[store.QueueMail], Outbox: map[string]statsQueueBody{},
		KeyCreatedAt: webio.Instant(s.KeyCreatedAt), PendingMigrations: append([]string{}, s.PendingMigrations...),
	}
	for queue := range s.Waiting {
		body.Outbox[queue] = statsQueueBody{s.Waiting[queue], s.Dead[queue]}
	}
	if !s.KeyCreatedAt.IsZero() {
		age := int64(s.At.Sub(s.KeyCreatedAt).Seconds())
		body.KeyAge = &age
	}
	return webio.Write(w, http.StatusOK, body)
}
