package passhash

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkOthersWhileOneFloods measures what one client that floods costs the
// others: 32 requests of one client wait or are refused at every moment, while
// eight other clients sign in now and then. p99-ms is that of the others; turn-ms
// is one turn of the queue, one derivation of each client that may wait before
// them; idle-p99-ms is the same crowd without the flood.
func BenchmarkOthersWhileOneFloods(b *testing.B) {
	h := New(Params{}, Limits{})
	encoded := mustHash(b, h, "right")
	others := func(n int) (took []time.Duration, refused int) {
		for i := range n {
			began := time.Now()
			if _, _, err := h.Verify(context.Background(), fmt.Sprint("other", i%8), encoded, "right"); err != nil {
				refused++
				continue
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took, refused
	}
	const calls = 300
	idle, _ := others(calls)
	stop := make(chan struct{})
	var flood sync.WaitGroup
	for range 32 {
		flood.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, _, err := h.Verify(context.Background(), "flood", encoded, "right"); err != nil {
					select { // a client that is refused asks again at once, but is no busy loop
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
				}
			}
		})
	}
	for b.Loop() {
		took, refused := others(calls)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		b.ReportMetric(float64(refused), "refused")
	}
	close(stop)
	flood.Wait()
	b.ReportMetric(float64(idle[len(idle)*99/100].Microseconds())/1000, "idle-p99-ms")
	b.ReportMetric(float64(idle[len(idle)/2].Microseconds())/1000, "turn-ms")
}
