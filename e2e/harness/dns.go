package harness

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
)

// DNS is the name server of every process of a test: it has the TXT records that the
// test has put there.
type DNS struct {
	mu      sync.Mutex
	records map[string][]string
	down    bool
	asked   []string
}

// Put replaces the TXT records of a name.
func (d *DNS) Put(name string, values ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.records == nil {
		d.records = map[string][]string{}
	}
	d.records[name] = values
}

// Down makes the server fail, or not.
func (d *DNS) Down(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

// Asked returns the names that were asked for, as they were.
func (d *DNS) Asked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.asked)
}

// LookupTXT is that of net.Resolver.
func (d *DNS) LookupTXT(_ context.Context, name string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, name)
	if d.down {
		return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	}
	values := d.records[strings.TrimSuffix(name, ".")]
	if len(values) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return slices.Clone(values), nil
}
