// Package router finds the route of a request by the segments of its path. A
// literal segment takes precedence over a parameter. Paths are never cleaned
// and never redirected: a path in another spelling ("//", "/./", "%2d", a slash
// at the end) is another path, and unknown.
package router

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Router has routes of type R. The zero value has no routes. All routes must be
// added before the first Find. After that many goroutines may call Find.
type Router[R any] struct {
	root Node[R]
}

// Node is a place in the tree of segments.
type Node[R any] struct {
	// Allow lists the methods of the routes that end here, in the form of the
	// header Allow.
	Allow string

	literals map[string]*Node[R]
	// parameter is the node after any segment that is not empty. name is its
	// name for PathValue.
	parameter *Node[R]
	name      string
	// methods has the routes that end here.
	methods map[string]R
}

// Add adds the route of a method and a path, such as "/v1/sessions/{id}". It
// refuses a second route for the same method and path, and a second name for
// the parameter in one place.
func (t *Router[R]) Add(method, path string, route R) error {
	at := &t.root
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			name = strings.TrimSuffix(name, "}")
			if at.parameter == nil {
				at.parameter = &Node[R]{}
				at.name = name
			}
			if at.name != name {
				return fmt.Errorf("route %s: parameter {%s} stands where {%s} does", path, name, at.name)
			}
			at = at.parameter
			continue
		}
		next := at.literals[segment]
		if next == nil {
			next = &Node[R]{}
			if at.literals == nil {
				at.literals = map[string]*Node[R]{}
			}
			at.literals[segment] = next
		}
		at = next
	}
	if at.methods == nil {
		at.methods = map[string]R{}
	}
	if _, taken := at.methods[method]; taken {
		return fmt.Errorf("route %s %s is declared twice", method, path)
	}
	at.methods[method] = route
	at.Allow = allowed(at.methods)
	return nil
}

func allowed[R any](methods map[string]R) string {
	list := []string{http.MethodOptions}
	for method := range methods {
		list = append(list, method)
		if method == http.MethodGet {
			list = append(list, http.MethodHead)
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

var errSegment = errors.New("a path segment is not well encoded")

// Find returns the node at which the path of a request ends, or nil if no route
// ends there. Find compares the path as it was sent, still encoded, and sets
// the parameters in r, decoded.
func (t *Router[R]) Find(r *http.Request) *Node[R] {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), "/")
	if !ok {
		return nil
	}
	found, err := t.root.find(path, r)
	if err != nil || found == nil || found.methods == nil {
		return nil
	}
	return found
}

func (n *Node[R]) find(path string, r *http.Request) (*Node[R], error) {
	segment, rest, more := strings.Cut(path, "/")
	if next := n.literals[segment]; next != nil {
		if !more {
			return next, nil
		}
		if found, err := next.find(rest, r); found != nil || err != nil {
			return found, err
		}
	}
	if n.parameter == nil || segment == "" {
		return nil, nil
	}
	value, err := url.PathUnescape(segment)
	if err != nil {
		return nil, errSegment
	}
	found := n.parameter
	if more {
		if found, err = found.find(rest, r); found == nil || err != nil {
			return nil, err
		}
	}
	r.SetPathValue(n.name, value)
	return found, nil
}

// Serves returns the route for a method. HEAD has the route of GET; net/http
// leaves its body out.
func (n *Node[R]) Serves(method string) (R, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	route, ok := n.methods[method]
	return route, ok
}
