package admit

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// router finds a route by the segments of a path: a literal before a
// parameter, no cleaning, no redirects. A path that is spelled in another way
// ("//", "/./", "%2d", a slash at the end) is another path, and unknown.
type router struct {
	root node
}

// node is a place in the tree of segments.
type node struct {
	literals map[string]*node
	// parameter matches any segment that is not empty; name is what the
	// handler asks for with PathValue.
	parameter *node
	name      string
	// methods holds the routes that end here.
	methods map[string]*route
	allow   string
}

func (t *router) add(path string, r *route) error {
	at := &t.root
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			name = strings.TrimSuffix(name, "}")
			if at.parameter == nil {
				at.parameter = &node{name: name}
			}
			if at.parameter.name != name {
				return fmt.Errorf("route %s: parameter {%s} stands where {%s} does", path, name, at.parameter.name)
			}
			at = at.parameter
			continue
		}
		next := at.literals[segment]
		if next == nil {
			next = &node{}
			if at.literals == nil {
				at.literals = map[string]*node{}
			}
			at.literals[segment] = next
		}
		at = next
	}
	if at.methods == nil {
		at.methods = map[string]*route{}
	}
	if at.methods[r.method] != nil {
		return fmt.Errorf("route %s %s is declared twice", r.method, path)
	}
	at.methods[r.method] = r
	at.allow = allowed(at.methods)
	return nil
}

func allowed(methods map[string]*route) string {
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

// find returns the node that a request's path ends at, or nil. It matches the
// path as sent, still encoded, and gives parameters to r decoded.
func (t *router) find(r *http.Request) *node {
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

func (n *node) find(path string, r *http.Request) (*node, error) {
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
	r.SetPathValue(n.parameter.name, value)
	return found, nil
}

// serves returns the route for a method; HEAD is answered by GET, whose body
// net/http leaves out.
func (n *node) serves(method string) *route {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	return n.methods[method]
}
