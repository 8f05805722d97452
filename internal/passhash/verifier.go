package passhash

// Verifier checks passwords against stored strings in a format of the host.
type Verifier interface {
	// Recognises reports whether the string is in the format of the Verifier.
	Recognises(stored string) bool
	// Verify reports whether the password belongs to the string. It runs in a
	// place of the queue, so it may take time. An error counts as no.
	Verify(stored, password string) (bool, error)
}

// Use adds the Verifiers for strings that are in no known format. It must be
// called before the Hasher is used.
func (h *Hasher) Use(others ...Verifier) { h.others = others }

// Recognise is the function Recognise with the formats of the Verifiers in use.
func (h *Hasher) Recognise(encoded string) error {
	_, err := h.parse(encoded)
	return err
}

// FromElsewhere is the function FromElsewhere. It returns a string of a
// Verifier unchanged.
func (h *Hasher) FromElsewhere(encoded string) (string, error) {
	stored, err := FromElsewhere(encoded)
	if err != nil && h.Recognise(encoded) == nil {
		return encoded, nil
	}
	return stored, err
}

// parse asks the Verifiers last, so that no Verifier can change the meaning of
// a known format. The next sign-in replaces a string of a Verifier by a hash of
// this package.
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
