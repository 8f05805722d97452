package admit

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// SecretSource returns the operator's secrets. The first one seals and signs.
// [SecretFile] and [Secrets] make a SecretSource.
type SecretSource interface {
	secrets(log *slog.Logger) ([][]byte, error)
}

type secretList []string

// Secrets returns secrets of at least 32 random bytes each, raw or in hex. The
// first secret seals and signs. Every secret opens and verifies. To rotate,
// deploy with the new secret at the end of the list, and then with the new
// secret at its front.
func Secrets(first string, others ...string) SecretSource {
	return secretList(append([]string{first}, others...))
}

func (l secretList) secrets(*slog.Logger) ([][]byte, error) {
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

// SecretFile reads secrets from a file, one per line, in the form of [Secrets].
// It makes a missing file with one secret of 32 random bytes in hex, which only
// its owner can read. It refuses a file that every user of the machine can read
// or write. For a file that its group can read or write it logs a warning.
func SecretFile(path string) SecretSource { return secretFile(path) }

func (f secretFile) secrets(log *slog.Logger) ([][]byte, error) {
	data, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		if data, err = makeSecretFile(string(f)); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	if err := checkMode(string(f), log); err != nil {
		return nil, err
	}
	lines := strings.Fields(string(data))
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s holds no secret", string(f))
	}
	return secretList(lines).secrets(log)
}

// checkMode refuses a file of secrets that other users of the machine can
// reach. Windows has no such modes.
func checkMode(path string, log *slog.Logger) error {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" {
		return err
	}
	mode := info.Mode().Perm()
	switch {
	case mode&0o006 != 0:
		return fmt.Errorf("%s has mode %#o, so every user of this machine can read or change the secrets; chmod 600 %s, and replace them", path, mode, path)
	case mode&0o060 != 0:
		log.Warn("the group of the secret file can read or change it", "file", path, "mode", fmt.Sprintf("%#o", mode))
	}
	return nil
}

// makeSecretFile writes a new secret under another name and links it into
// place. If several processes start at once, one of them wins, and no process
// reads half a file.
func makeSecretFile(path string) ([]byte, error) {
	var secret [32]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".admit-secret-*") // mode 0600
	if wrong, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("%s does not exist and cannot be made: %w; make its folder, and let this program write there", path, wrong.Err)
	}
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
