package memory

import (
	"iter"
	"strings"
)

// index is an immutable map ordered by its keys: put and drop return another
// one, which shares with the first what did not change. It is a binary tree in
// which neither side weighs more than heavy times the other.
type index[V any] struct{ root *node[V] }

type node[V any] struct {
	key         string
	value       V
	left, right *node[V]
	size        int
}

// A side is too heavy beyond heavy times the other; then one rotation helps
// while its inner part is lighter than twist times its outer part, else two.
// These are the two whole numbers with which that always suffices.
const (
	heavy = 3
	twist = 2
)

// get returns the value at key, nil when there is none. Nobody may write
// through it.
func (t index[V]) get(key string) *V {
	n := t.root
	for n != nil && n.key != key {
		if key < n.key {
			n = n.left
		} else {
			n = n.right
		}
	}
	if n == nil {
		return nil
	}
	return &n.value
}

// put returns an index with the value at key.
func (t index[V]) put(key string, value V) index[V] { return index[V]{t.root.put(key, value)} }

// drop returns an index without key.
func (t index[V]) drop(key string) index[V] { return index[V]{t.root.drop(key)} }

// from walks over the keys with the prefix that are not before start, in order.
// What is put or dropped meanwhile is not seen.
func (t index[V]) from(prefix, start string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) { t.root.walk(prefix, max(prefix, start), yield) }
}

// in walks over the keys with the prefix, in order.
func (t index[V]) in(prefix string) iter.Seq2[string, V] { return t.from(prefix, prefix) }

// before walks over the keys that start with prefix and sort before prefix
// followed by end, in order.
func (t index[V]) before(prefix, end string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for k, v := range t.in(prefix) {
			if k >= prefix+end || !yield(k, v) {
				return
			}
		}
	}
}

func (n *node[V]) walk(prefix, start string, yield func(string, V) bool) bool {
	if n == nil {
		return true
	}
	if n.key < start {
		return n.right.walk(prefix, start, yield)
	}
	return n.left.walk(prefix, start, yield) &&
		strings.HasPrefix(n.key, prefix) &&
		yield(n.key, n.value) &&
		n.right.walk(prefix, start, yield)
}

// down walks over the keys with the prefix, from the last to the first.
func (t index[V]) down(prefix string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) { t.root.walkDown(prefix, yield) }
}

// walkDown passes over the keys that do not have the prefix: those that sort after
// it are greater than every key with the prefix.
func (n *node[V]) walkDown(prefix string, yield func(string, V) bool) bool {
	if n == nil {
		return true
	}
	if strings.HasPrefix(n.key, prefix) {
		return n.right.walkDown(prefix, yield) && yield(n.key, n.value) && n.left.walkDown(prefix, yield)
	}
	if n.key < prefix {
		return n.right.walkDown(prefix, yield)
	}
	return n.left.walkDown(prefix, yield)
}

func (n *node[V]) weight() int {
	if n == nil {
		return 0
	}
	return n.size
}

// with returns a node like n over other sides, which may be out of balance.
func (n *node[V]) with(left, right *node[V]) *node[V] {
	return &node[V]{n.key, n.value, left, right, left.weight() + 1 + right.weight()}
}

// balanced is with, for sides of which one has grown or shrunk by one.
func (n *node[V]) balanced(left, right *node[V]) *node[V] {
	switch l, r := left.weight(), right.weight(); {
	case l+r <= 1:
		return n.with(left, right)
	case r > heavy*l:
		if inner := right.left; inner.weight() >= twist*right.right.weight() {
			return inner.with(n.with(left, inner.left), right.with(inner.right, right.right))
		}
		return right.with(n.with(left, right.left), right.right)
	case l > heavy*r:
		if inner := left.right; inner.weight() >= twist*left.left.weight() {
			return inner.with(left.with(left.left, inner.left), n.with(inner.right, right))
		}
		return left.with(left.left, n.with(left.right, right))
	default:
		return n.with(left, right)
	}
}

func (n *node[V]) put(key string, value V) *node[V] {
	switch {
	case n == nil:
		return &node[V]{key: key, value: value, size: 1}
	case key < n.key:
		return n.balanced(n.left.put(key, value), n.right)
	case key > n.key:
		return n.balanced(n.left, n.right.put(key, value))
	default:
		return &node[V]{key, value, n.left, n.right, n.size}
	}
}

func (n *node[V]) drop(key string) *node[V] {
	switch {
	case n == nil:
		return nil
	case key < n.key:
		return n.balanced(n.left.drop(key), n.right)
	case key > n.key:
		return n.balanced(n.left, n.right.drop(key))
	case n.left == nil:
		return n.right
	case n.right == nil:
		return n.left
	default:
		first := n.right
		for first.left != nil {
			first = first.left
		}
		return first.balanced(n.left, n.right.drop(first.key))
	}
}
