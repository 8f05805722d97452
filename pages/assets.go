package pages

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

// assets are the style sheet and the script, by their short names.
type assets map[string]asset

// newAssets names each file by its content, so that browsers keep it for a year
// and a new version has a new name.
func newAssets(brand Brand) assets {
	all := assets{}
	for name, file := range map[string]asset{
		"style.css": {kind: "text/css; charset=utf-8", body: []byte(ui.Stylesheet() + brand.Style())},
		"pages.js":  {kind: "text/javascript; charset=utf-8", body: []byte(script)},
	} {
		sum := sha256.Sum256(file.body)
		file.name = hex.EncodeToString(sum[:6]) + "-" + name
		all[name] = file
	}
	return all
}

// name is that of the present version.
func (a assets) name(short string) string { return a[short].name }

func (a assets) serve(w http.ResponseWriter, r *http.Request, name string) {
	for _, file := range a {
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
