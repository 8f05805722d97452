package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/admit-go/admit"
)

// shown is how many keys, mails and members are on a page.
const shown = 20

// paged is one page of a numbered list.
type paged[T any] struct {
	Items          []T
	Total, Number  int
	Previous, Next int
}

func pageOf[T any](list admit.Page[T], number int) paged[T] {
	p := paged[T]{Items: list.Items, Total: list.Total, Number: number}
	if number > 1 {
		p.Previous = number - 1
	}
	if number*shown < list.Total {
		p.Next = number + 1
	}
	return p
}

func (v *visit) keysPage() error {
	v.view.Section = "keys"
	number := v.number("page")
	list, err := v.auth.APIKeys.List(v.r.Context(), admit.PageParams{Number: number, Limit: shown})
	if err != nil {
		return err
	}
	v.view.Data = pageOf(list, number)
	return v.show(http.StatusOK, "keys")
}

func (v *visit) newKeyPage() error {
	v.view.Section = "keys"
	return v.show(http.StatusOK, "key-new")
}

// newKey makes a key and shows it, this once.
func (v *visit) newKey() error {
	v.view.Section = "keys"
	body := map[string]any{"name": v.form.Get("name"), "type": v.form.Get("type"), "environment": v.form.Get("environment")}
	if v.form.Get("rights") != "all" {
		body["scopes"] = words(v.form.Get("scopes"))
	}
	if expires, ok := v.day("expires"); ok {
		body["expiresAt"] = expires.Format(time.RFC3339)
	} else if v.form.Get("expires") != "" {
		v.view.Alert = v.words.Say("key-new.expires-wrong")
		return v.show(http.StatusUnprocessableEntity, "key-new")
	}
	answer, err := v.call(http.MethodPost, "/admin/api-keys", body)
	if err != nil {
		return v.again(err, "key-new")
	}
	return v.showKey(answer)
}

// words splits what was typed at blanks, commas and ends of lines.
func words(text string) []string {
	found := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
	if found == nil {
		return []string{}
	}
	return found
}

// madeKey is a new key. The page of a new key is the only one that shows it.
type madeKey struct {
	Name string `json:"name"`
	Key  string `json:"key"`
	Type string `json:"type"`
}

func (v *visit) showKey(answer []byte) error {
	var made madeKey
	if err := json.Unmarshal(answer, &made); err != nil {
		return err
	}
	v.view.Data = made
	return v.show(http.StatusCreated, "key-made")
}

// keyView is a key that is to be rotated or revoked.
type keyView struct {
	Key      admit.APIKey
	Children []admit.APIKey
}

// key finds the key of the path among the keys of the application.
func (v *visit) key() (admit.APIKey, error) {
	for number := 1; ; number++ {
		list, err := v.auth.APIKeys.List(v.r.Context(), admit.PageParams{Number: number, Limit: 100})
		if err != nil {
			return admit.APIKey{}, err
		}
		for _, k := range list.Items {
			if k.ID == v.params["key"] {
				return k, nil
			}
		}
		if number*100 >= list.Total || len(list.Items) == 0 {
			return admit.APIKey{}, admit.ErrAPIKeyNotFound
		}
	}
}

func (v *visit) keyForm(name string, status int) error {
	v.view.Section = "keys"
	key, err := v.key()
	if err != nil {
		return err
	}
	children, err := v.auth.APIKeys.Children(v.r.Context(), key.ID)
	if err != nil {
		return err
	}
	v.view.Data = keyView{key, children}
	return v.show(status, name)
}

func (v *visit) rotateKeyPage() error { return v.keyForm("key-rotate", http.StatusOK) }

func (v *visit) rotateKey() error {
	seconds := map[string]int{"now": 0, "hour": 3600, "day": 86400, "week": 604800}
	overlap, ok := seconds[v.form.Get("overlap")]
	if !ok {
		return admit.ErrInvalidRequest
	}
	answer, err := v.call(http.MethodPost, v.filled("/admin/api-keys/{key}/rotate"), map[string]any{"overlap": overlap})
	if err != nil {
		return v.keyAgain(err, "key-rotate")
	}
	v.view.Section = "keys"
	return v.showKey(answer)
}

func (v *visit) revokeKeyPage() error { return v.keyForm("key-revoke", http.StatusOK) }

func (v *visit) revokeKey() error {
	if v.form.Get("sure") != "yes" {
		return v.keyForm("key-revoke", http.StatusOK)
	}
	path := v.filled("/admin/api-keys/{key}")
	if v.form.Get("children") == "true" {
		path += "?children=true"
	}
	if _, err := v.call(http.MethodDelete, path, nil); err != nil {
		return v.keyAgain(err, "key-revoke")
	}
	return v.done("keys", "revoke")
}

func (v *visit) keyAgain(err error, name string) error {
	refused := asError(err)
	if refused.Status != http.StatusConflict && refused.Status != http.StatusBadRequest || errors.Is(refused, admit.ErrAPIKeyNotFound) {
		return err
	}
	v.view.Alert = v.explain(refused)
	return v.keyForm(name, http.StatusUnprocessableEntity)
}
