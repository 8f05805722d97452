package memory_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

var start = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// crowd returns a store with n accounts of one session each, and the ids of
// the sessions.
func crowd(tb testing.TB, n int) (*memory.Store, []string) {
	tb.Helper()
	s, ids := memory.New(), make([]string, n)
	for i := range n {
		user := fmt.Sprintf("01941f29-7c00-7000-8000-%012x", i)
		ids[i] = fmt.Sprintf("01941f29-7c00-7000-9000-%012x", i)
		if err := s.CreateUser(tb.Context(), store.User{ID: user, EmailKey: user, Role: "user", CreatedAt: start}); err != nil {
			tb.Fatal(err)
		}
		err := s.CreateSession(tb.Context(), store.Session{
			ID: ids[i], UserID: user, Generation: 1, SecretHash: secret(1), CreatedAt: start,
			ExpiresAt: start.Add(time.Hour), AbsoluteExpiresAt: start.Add(time.Hour),
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	return s, ids
}

func secret(generation int64) []byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(generation)))
	return sum[:]
}

func BenchmarkSessionUser(b *testing.B) {
	s, ids := crowd(b, 1000)
	ctx := b.Context()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, _, err := s.SessionUser(ctx, "", ids[i*611%len(ids)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRotateSession(b *testing.B) {
	s, ids := crowd(b, 1000)
	now, next := secret(1), secret(1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := store.Rotation{
			ID: ids[i%len(ids)], Generation: int64(i/len(ids)) + 1, SecretHash: now, NextHash: next,
			Now: start, ExpiresAt: start.Add(time.Hour),
		}
		if done, err := s.RotateSession(b.Context(), r); err != nil || !done {
			b.Fatal(done, err)
		}
	}
}

// The guarded path asks for a session and its account once per request.
func TestSessionUserAllocatesNoMoreThanTheCopiedHash(t *testing.T) {
	s, ids := crowd(t, 1000)
	allocations := testing.AllocsPerRun(100, func() {
		if _, _, err := s.SessionUser(t.Context(), "", ids[500]); err != nil {
			t.Error(err)
		}
	})
	if allocations > 1 {
		t.Errorf("SessionUser allocates %v times, 1 at most", allocations)
	}
}
