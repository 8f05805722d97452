package drivertest

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/sqlstore"
)

// crowdOf names how many accounts BenchmarkFindUsers searches among.
const crowdOf = "ADMIT_BENCH_USERS"

// BenchmarkFindUsers lists and searches among 10,000 accounts, or as many as
// ADMIT_BENCH_USERS says, and reports the time that 99 of 100 calls keep.
func BenchmarkFindUsers(b *testing.B) {
	size := 10_000
	if text := os.Getenv(crowdOf); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	searches := map[string]store.UserSearch{
		"list":          {Limit: 20},
		"list by name":  {Limit: 20, SortBy: store.SortName},
		"page 50":       {Limit: 20, Offset: 1000},
		"common text":   {Limit: 20, Search: "example.com", Count: 1000},
		"rare text":     {Limit: 20, Search: fmt.Sprintf("ser%d@", size/2), Count: 1000},
		"rare by email": {Limit: 20, Search: fmt.Sprintf("SON %d", size/3), SortBy: store.SortEmail, Count: 1000},
		"no such text":  {Limit: 20, Search: "nowhere.test", Count: 1000},
		"two letters":   {Limit: 20, Search: "zq", Count: 1000},
	}
	for _, d := range databases() {
		if d.conns == 1 {
			continue
		}
		b.Run(d.short(), func(b *testing.B) {
			s, db := d.openDB(b)
			series := `WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < ` + strconv.Itoa(size) + `)`
			pad, text := "printf('%012x', i)", "CAST(i AS TEXT)"
			if d.dialect == sqlstore.Postgres {
				series, pad = `WITH g AS (SELECT i FROM generate_series(1, `+strconv.Itoa(size)+`) i)`, "lpad(to_hex(i), 12, '0')"
			}
			_, err := db.Exec(`INSERT INTO admit_users (tenant, id, email, email_key, email_verified_at, name, nickname, image, locale, role, onboarding,
				mute_alerts, banned_at, ban_expires_at, ban_reason, deleted_at, created_at, updated_at, version, mfa_enabled) ` + series + `
				SELECT '', '0194f000-0000-7000-8000-' || ` + pad + `, 'User' || ` + text + ` || '@example.com', 'user' || ` + text + ` || '@example.com', 0, 'Ann Johnson ' || ` + text + `,
					'', '', '', 'user', 'pending', 0, 0, 0, '', 0, 1, 1, 1, 0 FROM g`)
			if err != nil {
				b.Fatal(err)
			}
			count(b, db)
			for name, q := range searches {
				b.Run(name, func(b *testing.B) {
					var took []time.Duration
					before := busy()
					for b.Loop() {
						began := time.Now()
						if _, _, err := s.FindUsers(b.Context(), q); err != nil {
							b.Fatal(err)
						}
						took = append(took, time.Since(began))
					}
					slices.Sort(took)
					b.ReportMetric(float64((busy()-before).Nanoseconds())/float64(len(took))/1000, "cpu-µs/op")
					b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
				})
			}
		})
	}
}
