package clientip

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func resolver(t testing.TB, header string, networks ...string) *Resolver {
	t.Helper()
	var trusted []netip.Prefix
	for _, network := range networks {
		trusted = append(trusted, netip.MustParsePrefix(network))
	}
	made, err := New(trusted, header)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func request(remote string, header http.Header) *http.Request {
	return &http.Request{RemoteAddr: remote, Header: header}
}

func TestAC036_HeaderSpoof(t *testing.T) {
	forged := http.Header{
		"X-Forwarded-For": {"192.0.2.66"}, "Forwarded": {"for=192.0.2.66"}, "X-Real-Ip": {"192.0.2.66"}, "True-Client-Ip": {"192.0.2.66"},
		"Cf-Connecting-Ip": {"192.0.2.66"}, "X-Client-Ip": {"192.0.2.66"}, "Fastly-Client-Ip": {"192.0.2.66"}, "X-Original-Forwarded-For": {"192.0.2.66"},
	}
	for name, r := range map[string]*Resolver{"nil": nil, "zero": {}, "none trusted": resolver(t, ""), "another trusted": resolver(t, "", "10.0.0.0/8")} {
		if got := r.Address(request("203.0.113.9:1234", forged)); got != netip.MustParseAddr("203.0.113.9") {
			t.Errorf("%s: forged headers make the address %s", name, got)
		}
	}
	// With a trusted proxy, only the hop that it added counts.
	forged["X-Forwarded-For"] = []string{"192.0.2.66, 203.0.113.9"}
	if got := resolver(t, "", "10.0.0.0/8").Address(request("10.0.0.1:1", forged)); got != netip.MustParseAddr("203.0.113.9") {
		t.Errorf("behind a proxy, a forged hop makes the address %s", got)
	}
}

func TestAddressIsTheFirstUntrustedHopFromTheRight(t *testing.T) {
	const proxy = "10.0.0.1:443"
	networks := []string{"10.0.0.0/8", "2001:db8:ffff::/48", "127.0.0.1/32"}
	for _, c := range []struct {
		name, header, remote string
		lines                []string
		want                 string
	}{
		{"no header", "", proxy, nil, "10.0.0.1"},
		{"empty header", "", proxy, []string{""}, "10.0.0.1"},
		{"one hop", "", proxy, []string{"203.0.113.9"}, "203.0.113.9"},
		{"blanks", "", proxy, []string{" \t203.0.113.9 "}, "203.0.113.9"},
		{"forged on the left", "", proxy, []string{"1.1.1.1, 203.0.113.9"}, "203.0.113.9"},
		{"through two proxies", "", proxy, []string{"1.1.1.1, 203.0.113.9, 10.2.3.4"}, "203.0.113.9"},
		{"all hops trusted", "", proxy, []string{"10.9.9.9, 10.2.3.4"}, "10.9.9.9"},
		{"a trusted address beyond an untrusted one", "", proxy, []string{"10.9.9.9, 203.0.113.9"}, "203.0.113.9"},
		{"several lines", "", proxy, []string{"1.1.1.1", "203.0.113.9", "10.2.3.4"}, "203.0.113.9"},
		{"several lines, forged first", "", proxy, []string{"1.1.1.1, 10.7.7.7", "203.0.113.9"}, "203.0.113.9"},
		{"IPv6", "", proxy, []string{"2001:db8::9"}, "2001:db8::9"},
		{"IPv6 in brackets", "", proxy, []string{"[2001:db8::9]"}, "2001:db8::9"},
		{"IPv6 with port", "", proxy, []string{"[2001:db8::9]:4711"}, "2001:db8::9"},
		{"IPv4 with port", "", proxy, []string{"203.0.113.9:4711"}, "203.0.113.9"},
		{"zone is dropped", "", proxy, []string{"fe80::9%eth0"}, "fe80::9"},
		{"IPv4 in IPv6", "", proxy, []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"a trusted hop as IPv4 in IPv6", "", proxy, []string{"203.0.113.9, ::ffff:10.2.3.4"}, "203.0.113.9"},
		{"connection as IPv4 in IPv6", "", "[::ffff:10.0.0.1]:443", []string{"203.0.113.9"}, "203.0.113.9"},
		{"connection over trusted IPv6", "", "[2001:db8:ffff::1]:443", []string{"203.0.113.9"}, "203.0.113.9"},
		{"connection with zone", "", "[fe80::1%eth0]:443", []string{"203.0.113.9"}, "fe80::1"},
		{"malformed ends the walk", "", proxy, []string{"203.0.113.9, unknown"}, "10.0.0.1"},
		{"malformed behind a proxy", "", proxy, []string{"203.0.113.9, unknown, 10.2.3.4"}, "10.2.3.4"},
		{"malformed on the left does not matter", "", proxy, []string{"<script>, 203.0.113.9"}, "203.0.113.9"},
		{"empty element", "", proxy, []string{"203.0.113.9,"}, "10.0.0.1"},
		{"octets with leading zeros", "", proxy, []string{"203.0.113.009"}, "10.0.0.1"},
		{"a number", "", proxy, []string{"3405803785"}, "10.0.0.1"},
		{"a name", "", proxy, []string{"localhost"}, "10.0.0.1"},
		{"half a bracket", "", proxy, []string{"[2001:db8::9"}, "10.0.0.1"},
		{"IPv4 in brackets", "", proxy, []string{"[203.0.113.9]"}, "10.0.0.1"},
		{"too many hops", "", proxy, []string{"203.0.113.9" + strings.Repeat(", 10.2.3.4", 100)}, "10.2.3.4"},
		{"no port on the connection", "", "10.0.0.1", []string{"203.0.113.9"}, "203.0.113.9"},
		{"Unix socket", "", "@", []string{"203.0.113.9"}, ""},
		{"no connection", "", "", []string{"203.0.113.9"}, ""},

		{"Forwarded", Forwarded, proxy, []string{"for=203.0.113.9"}, "203.0.113.9"},
		{"Forwarded, whole", Forwarded, proxy, []string{"by=10.0.0.1;For=203.0.113.9;host=x;proto=https"}, "203.0.113.9"},
		{"Forwarded, quoted IPv6", Forwarded, proxy, []string{`for="[2001:db8::9]:4711"`}, "2001:db8::9"},
		{"Forwarded, two hops", Forwarded, proxy, []string{`for=1.1.1.1, for=203.0.113.9;proto=https, for="10.2.3.4"`}, "203.0.113.9"},
		{"Forwarded, an open quote on the left", Forwarded, proxy, []string{`for="1.1.1.1, for=203.0.113.9`}, "203.0.113.9"},
		{"Forwarded, obfuscated", Forwarded, proxy, []string{"for=203.0.113.9, for=_hidden"}, "10.0.0.1"},
		{"Forwarded, unknown", Forwarded, proxy, []string{"for=unknown"}, "10.0.0.1"},
		{"Forwarded, without for", Forwarded, proxy, []string{"for=203.0.113.9, proto=https"}, "10.0.0.1"},
		{"Forwarded, two for", Forwarded, proxy, []string{"for=1.1.1.1;for=203.0.113.9"}, "10.0.0.1"},
		{"Forwarded, half a quote", Forwarded, proxy, []string{`for="203.0.113.9`}, "10.0.0.1"},
		{"Forwarded, no pair", Forwarded, proxy, []string{"203.0.113.9"}, "10.0.0.1"},
	} {
		name := c.header
		if name == "" {
			name = XForwardedFor
		}
		got := resolver(t, c.header, networks...).Address(request(c.remote, http.Header{name: c.lines}))
		want, _ := netip.ParseAddr(c.want)
		if got != want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestS11_AUnixSocketIsBelievedOnlyWhereItIsTrusted: a connection without an
// address has no client address. It names one only if the host trusts it.
func TestS11_AUnixSocketIsBelievedOnlyWhereItIsTrusted(t *testing.T) {
	header := http.Header{XForwardedFor: {"192.0.2.66, 203.0.113.9, 10.2.3.4"}}
	for _, remote := range []string{"@", "", "/run/app.sock"} {
		trusting := resolver(t, "", "10.0.0.0/8")
		if got := trusting.Address(request(remote, header)); got.IsValid() {
			t.Errorf("%q is believed that the client is %s", remote, got)
		}
		trusting.TrustUnixSocket = true
		if got := trusting.Address(request(remote, header)); got != netip.MustParseAddr("203.0.113.9") {
			t.Errorf("%q, trusted: %s", remote, got)
		}
		for _, lines := range [][]string{nil, {""}, {"unknown"}} {
			if got := trusting.Address(request(remote, http.Header{XForwardedFor: lines})); got.IsValid() {
				t.Errorf("%q, trusted, without a usable header: %s", remote, got)
			}
		}
		if got := trusting.Address(request("198.51.100.7:1", header)); got != netip.MustParseAddr("198.51.100.7") {
			t.Errorf("a connection with an address is believed as if it were a socket: %s", got)
		}
	}
}

func TestTheOtherHeaderIsNeverRead(t *testing.T) {
	both := http.Header{XForwardedFor: {"203.0.113.1"}, Forwarded: {"for=203.0.113.2"}}
	one := http.Header{Forwarded: {"for=203.0.113.2"}}
	r := request("10.0.0.1:1", both)
	if got := resolver(t, "", "10.0.0.1/32").Address(r); got != netip.MustParseAddr("203.0.113.1") {
		t.Errorf("by %s: %s", XForwardedFor, got)
	}
	if got := resolver(t, Forwarded, "10.0.0.1/32").Address(r); got != netip.MustParseAddr("203.0.113.2") {
		t.Errorf("by %s: %s", Forwarded, got)
	}
	if got := resolver(t, "", "10.0.0.1/32").Address(request("10.0.0.1:1", one)); got != netip.MustParseAddr("10.0.0.1") {
		t.Errorf("without its header: %s", got)
	}
}

func TestConfigurationThatTrustsEveryoneIsRefused(t *testing.T) {
	for _, bad := range []netip.Prefix{
		{}, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"), netip.MustParsePrefix("::ffff:0:0/96"), netip.MustParsePrefix("::ffff:0:0/90"),
	} {
		if _, err := New([]netip.Prefix{bad}, ""); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	if _, err := New(nil, "X-Real-Ip"); err == nil {
		t.Error("a header that is no list of hops is taken")
	}
	mapped, err := New([]netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}, "")
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{XForwardedFor: {"203.0.113.9"}}
	if got := mapped.Address(request("10.1.2.3:1", header)); got != netip.MustParseAddr("203.0.113.9") {
		t.Errorf("a network of IPv4 in IPv6 does not hold its IPv4 addresses: %s", got)
	}
	unmasked := resolver(t, "", "10.1.2.3/8")
	if got := unmasked.Address(request("10.9.9.9:1", header)); got != netip.MustParseAddr("203.0.113.9") {
		t.Errorf("a network given by one of its hosts does not hold the others: %s", got)
	}
}

func TestAE08_KeyGroupsIPv6ByNetwork(t *testing.T) {
	for _, c := range []struct{ address, key string }{
		{"203.0.113.9", "203.0.113.9"},
		{"::ffff:203.0.113.9", "203.0.113.9"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"2001:db8:1:2:ffff::", "2001:db8:1:2::/64"},
		{"2001:db8:1:3::", "2001:db8:1:3::/64"},
		{"fe80::1%eth0", "fe80::/64"},
		{"::1", "::/64"},
	} {
		if got := Key(netip.MustParseAddr(c.address)); got != c.key {
			t.Errorf("the key of %s is %q", c.address, got)
		}
	}
	if got := Key(netip.Addr{}); got != "" {
		t.Errorf("the key of no address is %q", got)
	}
}

// The word of the proxy on the right decides, whatever a client writes on the
// left.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"1.1.1.1", "10.0.0.2, 10.0.0.3", `for="`, "for=1.1.1.1;x=\"", ",,,", "[::1", "\x00", "10.0.0.1,"} {
		f.Add(seed, seed)
	}
	proxied := netip.MustParseAddr("203.0.113.9")
	plainHeader, rfcHeader := resolver(f, "", "10.0.0.0/8"), resolver(f, Forwarded, "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, first, second string) {
		if strings.Contains(first+second, "%s") {
			return
		}
		for _, lines := range [][]string{{first + ", %s"}, {first, second + ",%s"}, {first, second, "%s"}, {first, "%s, 10.0.0.7"}} {
			forwardedFor, forwarded := []string{}, []string{}
			for _, line := range lines {
				head, tail, found := strings.Cut(line, "%s")
				if found && line != first {
					forwardedFor = append(forwardedFor, head+"203.0.113.9"+tail)
					forwarded = append(forwarded, head+"for=203.0.113.9"+strings.ReplaceAll(tail, "10.", "for=10."))
				} else {
					forwardedFor, forwarded = append(forwardedFor, line), append(forwarded, line)
				}
			}
			if got := plainHeader.Address(request("10.0.0.1:1", http.Header{XForwardedFor: forwardedFor})); got != proxied {
				t.Fatalf("%q: %s", forwardedFor, got)
			}
			if got := rfcHeader.Address(request("10.0.0.1:1", http.Header{Forwarded: forwarded})); got != proxied {
				t.Fatalf("%q: %s", forwarded, got)
			}
			if got := plainHeader.Address(request(first, nil)); got.Zone() != "" || got.Is4In6() {
				t.Fatalf("connection %q: %s", first, got)
			}
		}
	})
}

func BenchmarkAddressBehindOneProxy(b *testing.B) {
	r := resolver(b, "", "10.0.0.0/8")
	req := request("10.0.0.1:443", http.Header{XForwardedFor: {"198.51.100.7, 203.0.113.9"}})
	b.ReportAllocs()
	for b.Loop() {
		r.Address(req)
	}
}

func ExampleKey() {
	fmt.Println(Key(netip.MustParseAddr("2001:db8:1:2:3:4:5:6")))
	// Output: 2001:db8:1:2::/64
}
