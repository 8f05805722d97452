package console

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"

	"github.com/admit-go/admit/ui"
)

// asset is a file that never changes under its name.
type asset struct {
	name, kind string
	body       []byte
}

// newAssets names each file by its content, so that browsers keep it for a year and
// a new version has a new name.
func newAssets(brand ui.Brand) map[string]asset {
	all := map[string]asset{}
	for name, file := range map[string]asset{
		"console.css": {kind: "text/css; charset=utf-8", body: []byte(ui.Stylesheet() + style + brand.Style())},
		"console.js":  {kind: "text/javascript; charset=utf-8", body: []byte(script)},
	} {
		sum := sha256.Sum256(file.body)
		file.name = hex.EncodeToString(sum[:6]) + "-" + name
		all[name] = file
	}
	return all
}

// serveAsset answers everybody: the files are the same for all, and hold nothing of
// the host.
func (s *site) serveAsset(w http.ResponseWriter, r *http.Request, name string) {
	for _, file := range s.assets {
		if file.name != name {
			continue
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", file.kind)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Content-Length", strconv.Itoa(len(file.body)))
		h.Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(http.StatusOK)
		if r.Method == http.MethodGet {
			_, _ = w.Write(file.body)
		}
		return
	}
	http.NotFound(w, r)
}
