package admit

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// SecretSource gives the operator's secrets, the one that seals and signs
// first. [SecretFile] and [Secrets] make one.
type SecretSource interface {
	secrets() ([][]byte, error)
}

type secretList []string

// Secrets takes secrets of at least 32 random bytes each, raw or as hex. The
// first seals and signs, all of them open and verify: to rotate, deploy with
// the new one appended, then with it moved to the front.
func Secrets(first string, others ...string) SecretSource {
	return secretList(append([]string{first}, others...))
}

func (l secretList) secrets() ([][]byte, error) {
	var secrets [][]byte
	for _, text := range l {
		if raw, err := hex.DecodeString(text); err == nil && len(raw) >= 32 {
			secrets = append(secrets, raw)
			continue
		}
		secrets = append(secrets, []byte(text))
	}
	return secrets, nil
}

type secretFile string

// SecretFile reads secrets from a file, one a line, as [Secrets] takes them.
// When the file is missing, one is made of 32 random bytes in hex, readable by
// its owner alone.
func SecretFile(path string) SecretSource { return secretFile(path) }

func (f secretFile) secrets() ([][]byte, error) {
	data, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		if data, err = makeSecretFile(string(f)); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	lines := strings.Fields(string(data))
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s holds no secret", string(f))
	}
	return secretList(lines).secrets()
}

// makeSecretFile writes a new secret under another name and links it into
// place, so that of several processes that start at once one wins and none
// reads half a file.
func makeSecretFile(path string) ([]byte, error) {
	var secret [32]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".admit-secret-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(hex.EncodeToString(secret[:]) + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}
