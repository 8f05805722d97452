package memory

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The tests of table and index play random puts and drops beside a built-in
// map. Every version made on the way is kept, to see that none changes later.

const (
	turns = 4000
	names = 300
)

func random() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func TestTableIsAMapThatNeverChanges(t *testing.T) {
	for name, hash := range map[string]func(int) uint64{
		"spread":          func(k int) uint64 { return uint64(k) * 0x9e3779b97f4a7c15 },
		"alike in part":   func(k int) uint64 { return uint64(k%7) << 60 },
		"alike at first":  func(k int) uint64 { return uint64(k) << 50 },
		"all the same":    func(int) uint64 { return 42 },
		"every bit is on": func(int) uint64 { return ^uint64(0) },
	} {
		t.Run(name, func(t *testing.T) {
			type version struct {
				kept table[int, int]
				want map[int]int
			}
			r := random()
			now := version{table[int, int]{hash: hash}, map[int]int{}}
			var versions []version
			for turn := range turns {
				key := r.IntN(names)
				now.want = maps.Clone(now.want)
				if r.IntN(3) == 0 {
					now.kept = now.kept.drop(key)
					delete(now.want, key)
				} else {
					now.kept = now.kept.put(key, turn)
					now.want[key] = turn
				}
				if turn%100 == 0 || turn == turns-1 {
					versions = append(versions, now)
				}
			}
			for _, v := range versions {
				for key := range names {
					got := v.kept.get(key)
					want, there := v.want[key]
					if (got != nil) != there || there && *got != want {
						t.Fatalf("key %d is %v, should be %v, %v", key, got, want, there)
					}
				}
			}
			for key := range names {
				now.kept = now.kept.drop(key)
			}
			if now.kept.root != nil {
				t.Error("a table without keys still holds branches")
			}
		})
	}
}

func TestIndexIsAnOrderedMapThatNeverChanges(t *testing.T) {
	type version struct {
		kept index[int]
		want map[string]int
	}
	r := random()
	now := version{want: map[string]int{}}
	var versions []version
	for turn := range turns {
		key := fmt.Sprintf("%c-%03d", 'a'+rune(r.IntN(3)), r.IntN(names))
		now.want = maps.Clone(now.want)
		if r.IntN(3) == 0 {
			now.kept = now.kept.drop(key)
			delete(now.want, key)
		} else {
			now.kept = now.kept.put(key, turn)
			now.want[key] = turn
		}
		if turn%100 == 0 || turn == turns-1 {
			versions = append(versions, now)
		}
	}
	for _, v := range versions {
		balanced(t, v.kept.root)
		for _, prefix := range []string{"", "a", "b-1", "c-29", "d", "b-150"} {
			var got, want []string
			for key, value := range v.kept.in(prefix) {
				got = append(got, key)
				if at := v.kept.get(key); value != v.want[key] || at == nil || *at != value {
					t.Fatalf("%s is %d, should be %d", key, value, v.want[key])
				}
			}
			for _, key := range slices.Sorted(maps.Keys(v.want)) {
				if strings.HasPrefix(key, prefix) {
					want = append(want, key)
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("keys with %q are %v, should be %v", prefix, got, want)
			}
			from, before := keys(v.kept.from(prefix, prefix+"-1")), keys(v.kept.before(prefix, "-1"))
			if middle, _ := slices.BinarySearch(want, prefix+"-1"); !slices.Equal(from, want[middle:]) || !slices.Equal(before, want[:middle]) {
				t.Fatalf("split at %q: %v and %v", prefix+"-1", before, from)
			}
		}
		if v.kept.get("none") != nil {
			t.Error("a key that was never put has a value")
		}
	}
}

// keys are the keys of a walk, which is also stopped in its middle.
func keys(walk func(func(string, int) bool)) (all []string) {
	for key := range walk {
		all = append(all, key)
	}
	seen := 0
	for range walk {
		if seen++; seen > len(all)/2 {
			break
		}
	}
	return all
}

// balanced reports a node of which one side is too heavy, and returns the size.
func balanced(t *testing.T, n *node[int]) int {
	t.Helper()
	if n == nil {
		return 0
	}
	l, r := balanced(t, n.left), balanced(t, n.right)
	if n.size != l+1+r || l+r > 1 && (l > heavy*r || r > heavy*l) {
		t.Fatalf("a node of size %d has sides of %d and %d", n.size, l, r)
	}
	return n.size
}
