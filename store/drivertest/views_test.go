package drivertest

import (
	"context"
	"testing"

	"github.com/admit-go/admit/store"
)

// SQL readers find second factors in a view, without the sealed secret.
func TestTheViewOfFactorsShowsWhoHasOne(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		db := d.connect(t, d.source(t))
		s := d.store(db)
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		for _, r := range []store.Record{
			{Kind: "factor", ID: "f1", Keys: []string{"totp/u1"}, Refs: []string{"user/u1"}, Data: []byte(`{"v":1,"type":"totp","user":"u1","secret":"AAEC","codes":9,"step":5,"confirmedAt":1767323045000000}`), CreatedAt: epoch, UpdatedAt: epoch},
			{Kind: "factor", ID: "f2", Data: []byte(`{"v":1,"type":"totp","user":"ü2","secret":"AAEC","codes":0,"step":0,"confirmedAt":0}`), CreatedAt: epoch, UpdatedAt: epoch},
			{Kind: "another", ID: "x", Data: []byte{0, 0xff}, CreatedAt: epoch, UpdatedAt: epoch},
		} {
			if err := s.CreateRecord(ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		rows, err := db.QueryContext(ctx, "SELECT id, user_id, type, confirmed_at, codes_left, created_at FROM admit_factors ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		type factor struct {
			id, user, kind                string
			confirmed, codesLeft, created int64
		}
		var got []factor
		for rows.Next() {
			var f factor
			if err := rows.Scan(&f.id, &f.user, &f.kind, &f.confirmed, &f.codesLeft, &f.created); err != nil {
				t.Fatal(err)
			}
			got = append(got, f)
		}
		want := []factor{{"f1", "u1", "totp", 1767323045000000, 9, epoch.UnixMicro()}, {"f2", "ü2", "totp", 0, 0, epoch.UnixMicro()}}
		if err := rows.Err(); err != nil || len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("the view shows %+v, %v, want %+v", got, err, want)
		}
	})
}
