package memory

import (
	"hash/maphash"
	"math/bits"
	"slices"
)

// table is an immutable hash map: put and drop return another one, which
// shares with the first what did not change. It is a tree of branches with up
// to 32 slots, each chosen by five bits of the key's hash.
type table[K comparable, V any] struct {
	hash func(K) uint64
	root *branch[K, V]
}

type branch[K comparable, V any] struct {
	// present has a bit for each slot in use; slots holds those alone.
	present uint32
	slots   []slot[K, V]
}

// slot holds either a branch or a leaf.
type slot[K comparable, V any] struct {
	branch *branch[K, V]
	leaf   *leaf[K, V]
}

type leaf[K comparable, V any] struct {
	hash  uint64
	key   K
	value V
	// next is another key with the very same hash.
	next *leaf[K, V]
}

const (
	slotBits = 5
	slotMask = 1<<slotBits - 1
)

func newTable[K comparable, V any](seed maphash.Seed) table[K, V] {
	return table[K, V]{hash: func(k K) uint64 { return maphash.Comparable(seed, k) }}
}

// get returns the value of a key, nil when there is none. Nobody may write
// through it.
func (t table[K, V]) get(key K) *V {
	hash := t.hash(key)
	b := t.root
	for rest := hash; b != nil; rest >>= slotBits {
		at, used := b.find(rest)
		if !used {
			return nil
		}
		if l := b.slots[at].leaf; l != nil {
			for ; l != nil; l = l.next {
				if l.key == key {
					return &l.value
				}
			}
			return nil
		}
		b = b.slots[at].branch
	}
	return nil
}

// put returns a table in which key has the value.
func (t table[K, V]) put(key K, value V) table[K, V] {
	hash := t.hash(key)
	t.root = t.root.put(&leaf[K, V]{hash: hash, key: key, value: value}, hash, 0)
	return t
}

// drop returns a table without key.
func (t table[K, V]) drop(key K) table[K, V] {
	if t.get(key) != nil {
		hash := t.hash(key)
		t.root = t.root.drop(key, hash)
	}
	return t
}

// find returns where the slot for these bits of a hash is, or would be.
func (b *branch[K, V]) find(rest uint64) (at int, used bool) {
	bit := uint32(1) << (rest & slotMask)
	return bits.OnesCount32(b.present & (bit - 1)), b.present&bit != 0
}

// put returns a copy of the branch that holds the leaf. rest is what the
// branches above have left of the leaf's hash, shift how much they used.
func (b *branch[K, V]) put(l *leaf[K, V], rest uint64, shift int) *branch[K, V] {
	if b == nil {
		b = &branch[K, V]{}
	}
	at, used := b.find(rest)
	if !used {
		return &branch[K, V]{b.present | 1<<(rest&slotMask), slices.Insert(slices.Clone(b.slots), at, slot[K, V]{leaf: l})}
	}
	old, changed := b.slots[at], slot[K, V]{}
	switch {
	case old.leaf == nil:
		changed.branch = old.branch.put(l, rest>>slotBits, shift+slotBits)
	case old.leaf.hash == l.hash:
		l.next = old.leaf.without(l.key)
		changed.leaf = l
	default:
		shift += slotBits
		var below *branch[K, V]
		below = below.put(old.leaf, old.leaf.hash>>shift, shift)
		changed.branch = below.put(l, rest>>slotBits, shift)
	}
	slots := slices.Clone(b.slots)
	slots[at] = changed
	return &branch[K, V]{b.present, slots}
}

// drop returns a copy of the branch without the key, which it holds; nil when
// nothing else is in it.
func (b *branch[K, V]) drop(key K, rest uint64) *branch[K, V] {
	at, _ := b.find(rest)
	var changed slot[K, V]
	if old := b.slots[at]; old.leaf != nil {
		changed.leaf = old.leaf.without(key)
	} else {
		changed.branch = old.branch.drop(key, rest>>slotBits)
	}
	slots := slices.Clone(b.slots)
	if changed != (slot[K, V]{}) {
		slots[at] = changed
		return &branch[K, V]{b.present, slots}
	}
	if len(slots) == 1 {
		return nil
	}
	return &branch[K, V]{b.present &^ (1 << (rest & slotMask)), slices.Delete(slots, at, at+1)}
}

// without returns the leaves of one hash but that of the key.
func (l *leaf[K, V]) without(key K) *leaf[K, V] {
	if l == nil || l.key == key {
		if l == nil {
			return nil
		}
		return l.next
	}
	kept := *l
	kept.next = l.next.without(key)
	return &kept
}
