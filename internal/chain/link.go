package chain

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/admit-go/admit/store"
)

const (
	macSize  = sha256.Size
	hashSize = 16
	saltSize = 16
	// linkFormat is the first byte of a link. Another layout gets another number.
	linkFormat = 1
	linkSize   = 2 + 2*hashSize + 2*macSize
	// originPurpose is what the proof of origin of an event is for.
	originPurpose = "audit event"
)

var encoding = base64.RawURLEncoding

// Seal gives an event its proof of origin. The code that appends an event calls it.
// It covers what no purge removes.
func (c *Chain) Seal(e *store.Event) {
	key, mac := c.Ring.MAC(originPurpose, c.origin(e)...)
	e.Seal = encoding.EncodeToString(append(key[:], mac[:]...))
}

func (c *Chain) origin(e *store.Event) [][]byte {
	data := e.Data
	if c.Erasable(e.Kind) {
		data = nil
	}
	at := binary.BigEndian.AppendUint64(nil, uint64(e.At.UnixMicro()))
	return [][]byte{[]byte(e.Tenant), []byte(e.ID), []byte(e.Kind), []byte(e.ActorID), []byte(e.SubjectID), at, data}
}

// genuine says whether an event has its proof of origin.
func (c *Chain) genuine(e *store.Event) bool {
	proof, err := encoding.DecodeString(e.Seal)
	return err == nil && len(proof) == 4+macSize && c.Ring.VerifyMAC(originPurpose, [4]byte(proof[:4]), proof[4:], c.origin(e)...)
}

// link is what an event holds of the chain.
type link struct {
	// signed says that the event had its proof of origin when it was linked.
	signed       bool
	client, data [hashSize]byte
	prev, mac    [macSize]byte
}

// String is the form in which a link is stored.
func (l link) String() string {
	raw := make([]byte, 2, linkSize)
	raw[0] = linkFormat
	if l.signed {
		raw[1] = 1
	}
	for _, part := range [][]byte{l.client[:], l.data[:], l.prev[:], l.mac[:]} {
		raw = append(raw, part...)
	}
	return encoding.EncodeToString(raw)
}

var errLink = errors.New("not a link of the audit log")

func parseLink(text string) (l link, err error) {
	raw, err := encoding.DecodeString(text)
	if err != nil || len(raw) != linkSize || raw[0] != linkFormat || raw[1] > 1 {
		return link{}, errLink
	}
	l.signed = raw[1] == 1
	raw = raw[2:]
	for _, part := range [][]byte{l.client[:], l.data[:], l.prev[:], l.mac[:]} {
		raw = raw[copy(part, raw):]
	}
	return l, nil
}

// sum is the MAC of a link.
func (l *link) sum(key []byte, tenant string, seq int64, e *store.Event) [macSize]byte {
	return [macSize]byte(sum(key, "link", tenant, number(seq), string(l.prev[:]), e.ID, e.Kind, e.ActorID, e.SubjectID,
		number(e.At.UnixMicro()), strconv.FormatBool(l.signed), string(l.client[:]), string(l.data[:])))
}

// sum is an HMAC over parts, each with its length.
func sum(key []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range parts {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func newSalt() string {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	return encoding.EncodeToString(salt)
}

// clientHash is what a link holds of the client of an event: nothing if there is
// none.
func clientHash(salt string, e *store.Event) (hash [hashSize]byte) {
	if e.IPAddress == "" && e.UserAgent == "" && e.RequestID == "" {
		return hash
	}
	return [hashSize]byte(sum([]byte(salt), "client", e.IPAddress, e.UserAgent, e.RequestID))
}

// dataHash is what a link holds of the data of an event: nothing if there is none.
func dataHash(salt string, e *store.Event) (hash [hashSize]byte) {
	if e.Data == nil {
		return hash
	}
	return [hashSize]byte(sum([]byte(salt), "data", string(e.Data)))
}

// Prev returns the MAC of the event before, as text. It is "" for an event that is
// not linked.
func Prev(e *store.Event) string {
	l, err := parseLink(e.Seal)
	if e.Seq == 0 || err != nil {
		return ""
	}
	return encoding.EncodeToString(l.prev[:])
}

// Checkpoint names the end of the chain at a time. An operator who keeps it elsewhere can
// find out later that the chain was cut off or replaced.
type Checkpoint struct {
	Seq int64
	MAC [macSize]byte
}

// String is the form of a checkpoint for people and files.
func (c Checkpoint) String() string {
	return fmt.Sprintf("audit1.%d.%s", c.Seq, encoding.EncodeToString(c.MAC[:]))
}

// ParseCheckpoint reads the text of a checkpoint.
func ParseCheckpoint(text string) (Checkpoint, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "audit1.")
	seq, mac, found := strings.Cut(rest, ".")
	n, err := strconv.ParseInt(seq, 10, 64)
	raw, bad := encoding.DecodeString(mac)
	if !ok || !found || err != nil || n < 1 || bad != nil || len(raw) != macSize {
		return Checkpoint{}, errors.New("not a checkpoint of the audit log")
	}
	return Checkpoint{n, [macSize]byte(raw)}, nil
}
