//go:build !race

package sealed

import "testing"

// The race detector makes sync.Pool forget, so this runs without it.
func TestMACAllocatesNothing(t *testing.T) {
	r := ring(t, secret(t), secret(t))
	session, random := [16]byte{1}, [32]byte{2}
	id, mac := r.MAC("refresh", session[:], random[:])
	if n := testing.AllocsPerRun(1000, func() { r.MAC("refresh", session[:], random[:]) }); n != 0 {
		t.Errorf("MAC allocates %v times", n)
	}
	if n := testing.AllocsPerRun(1000, func() { r.VerifyMAC("refresh", id, mac[:], session[:], random[:]) }); n != 0 {
		t.Errorf("VerifyMAC allocates %v times", n)
	}
}
