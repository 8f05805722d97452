package passhash

// Verifier checks passwords against stored strings of a format that this package
// does not know: a host's own.
type Verifier interface {
	// Recognises says whether the string is of the Verifier's format.
	Recognises(stored string) bool
	// Verify says whether the password belongs to the string. It runs in a place
	// of the queue, so it may take its time, and an error counts as no.
	Verify(stored, password string) (bool, error)
}

// Use makes the Hasher ask others about strings that are in no format known here.
// It is called before the Hasher is used.
func (h *Hasher) Use(others ...Verifier) { h.others = others }

// Recognise is the function Recognise, with the formats of the Verifiers in use.
func (h *Hasher) Recognise(encoded string) error {
	_, err := h.parse(encoded)
	return err
}

// FromElsewhere is the function FromElsewhere, which keeps a string of a Verifier
// as it is.
func (h *Hasher) FromElsewhere(encoded string) (string, error) {
	stored, err := FromElsewhere(encoded)
	if err != nil && h.Recognise(encoded) == nil {
		return encoded, nil
	}
	return stored, err
}

// parse asks the Verifiers last, so that none can change what a known format
// means. What one of them checks is replaced by our own hash at the next sign-in.
func (h *Hasher) parse(encoded string) (stored, error) {
	found, err := parse(encoded, h.params)
	if err == nil {
		return found, nil
	}
	for _, other := range h.others {
		if len(encoded) <= maxStored && other.Recognises(encoded) {
			return stored{outdated: true, quick: true, matches: func(password string) bool {
				ok, err := other.Verify(encoded, password)
				return ok && err == nil
			}}, nil
		}
	}
	return stored{}, err
}
