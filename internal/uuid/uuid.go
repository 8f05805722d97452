// Package uuid makes and checks UUIDv7 identifiers (RFC 9562, section 5.7).
package uuid

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"sync/atomic"
	"time"
)

// Source makes increasing identifiers: each is greater than the previous one of
// the same Source, also if the clock stands still or steps back. The zero value
// is ready. It is safe for use by many goroutines.
type Source struct {
	last atomic.Uint64
}

// New returns an identifier for the given time. Twelve bits hold the fraction
// of the millisecond (section 6.2, method 3); 62 bits are random.
func (s *Source) New(now time.Time) string {
	micros := uint64(max(now.UnixMicro(), 0))
	stamp := micros/1000<<12 | micros%1000<<2
	for {
		last := s.last.Load()
		// If the clock was set back by more than a second, the identifiers
		// follow it. Otherwise one wrong reading would decide the order for
		// ever.
		if stamp <= last && last-stamp < 1000<<12 {
			stamp = last + 1
		}
		if s.last.CompareAndSwap(last, stamp) {
			break
		}
	}
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], stamp>>12<<16|0x7000|stamp&0xfff)
	rand.Read(id[8:]) // crypto/rand.Read never fails: it ends the program
	id[8] = id[8]&0x3f | 0x80
	return Format(id)
}

// First returns the least identifier of the given time: those that a Source made
// before the time sort before it, and the others do not.
func First(at time.Time) string {
	micros := uint64(max(at.UnixMicro(), 0))
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], micros/1000<<16|0x7000|micros%1000<<2)
	id[8] = 0x80
	return Format(id)
}

// Format writes an identifier in its canonical form.
func Format(id [16]byte) string {
	var text [36]byte
	hex.Encode(text[0:8], id[0:4])
	text[8] = '-'
	hex.Encode(text[9:13], id[4:6])
	text[13] = '-'
	hex.Encode(text[14:18], id[6:8])
	text[18] = '-'
	hex.Encode(text[19:23], id[8:10])
	text[23] = '-'
	hex.Encode(text[24:36], id[10:16])
	return string(text[:])
}

// Parse reads the canonical form, lower case only, so that an identifier has
// one spelling.
func Parse(text string) (id [16]byte, ok bool) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return id, false
	}
	for i, at := 0, 0; i < 16; i++ {
		if text[at] == '-' {
			at++
		}
		high, low := nibble(text[at]), nibble(text[at+1])
		if high > 15 || low > 15 {
			return [16]byte{}, false
		}
		id[i] = high<<4 | low
		at += 2
	}
	return id, true
}

// Valid reports whether text is the canonical form of an identifier.
func Valid(text string) bool {
	_, ok := Parse(text)
	return ok
}

func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}
