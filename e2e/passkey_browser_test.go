package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/passkey"
)

// passkeyPage is a page of a host that offers passkeys. before runs before the
// module, as password managers do.
const passkeyPage = `<!doctype html><title>host</title><h1>Passkeys</h1>
<form><input id="email" name="email" autocomplete="username webauthn" autofocus></form>
<script>window.signals = []; %s</script>
<script type="module">
import { Passkeys, PasskeyError, isSupported, canAutofill, canRegisterQuietly } from "/passkey.js";
window.access = "";
window.passkeys = new Passkeys({ token: () => window.access });
window.supported = isSupported();
window.canAutofill = canAutofill;
window.canRegisterQuietly = canRegisterQuietly;
// told says how a promise ended, in one line.
window.told = async (promise) => {
  try {
    const got = await promise;
    return JSON.stringify(got ?? null);
  } catch (error) {
    return error instanceof PasskeyError ? "refused: " + error.code : "broke: " + error;
  }
};
document.querySelector("h1").textContent = "Ready";
</script>`

// passkeyHost serves a host with passkeys at localhost, which browsers take for a
// domain.
func passkeyHost(t *testing.T, before string, options ...harness.Option) (s *harness.Server, base string) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	base = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	s = harness.New(t, append([]harness.Option{func(c *admit.Config) { c.BaseURL = base }}, options...)...)
	mux.Handle("/v1/", s.Auth.Handler())
	mux.Handle("GET /passkey.js", passkey.ScriptHandler())
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, passkeyPage, before)
	})
	return s, base
}

// keyBrowser is a Chromium with a virtual authenticator.
type keyBrowser struct {
	t             *testing.T
	ctx           context.Context
	authenticator webauthn.AuthenticatorID
}

func openPasskeyBrowser(t *testing.T, base, path string, change func(o *webauthn.VirtualAuthenticatorOptions)) *keyBrowser {
	t.Helper()
	b := &keyBrowser{t: t, ctx: openBrowser(t, 1280, 900)}
	o := &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}
	if change != nil {
		change(o)
	}
	err := chromedp.Run(b.ctx, chromedp.Navigate(base+path), chromedp.ActionFunc(func(ctx context.Context) (err error) {
		if err := webauthn.Enable().Do(ctx); err != nil {
			return err
		}
		b.authenticator, err = webauthn.AddVirtualAuthenticator(o).Do(ctx)
		return err
	}), chromedp.WaitReady("h1"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// openPasskeys opens the page of passkeyHost.
func openPasskeys(t *testing.T, base string, change func(o *webauthn.VirtualAuthenticatorOptions)) *keyBrowser {
	t.Helper()
	b := openPasskeyBrowser(t, base, "/", change)
	if err := chromedp.Run(b.ctx, heading("Ready")); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *keyBrowser) do(action func(ctx context.Context) error) {
	b.t.Helper()
	if err := chromedp.Run(b.ctx, chromedp.ActionFunc(action)); err != nil {
		b.t.Fatal(err)
	}
}

// eval runs JavaScript to its end and returns the text that it gives.
func (b *keyBrowser) eval(script string) string {
	b.t.Helper()
	var text string
	wait := func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
	if err := chromedp.Run(b.ctx, chromedp.Evaluate(script, &text, wait)); err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return text
}

// told runs a method of the module's Passkeys and says how it ended.
func (b *keyBrowser) told(call string) string {
	b.t.Helper()
	return b.eval("told(passkeys." + call + ")")
}

// as makes the page be signed in.
func (b *keyBrowser) as(access string) { b.eval(fmt.Sprintf("window.access = %q", access)) }

// tokens reads tokens that the page was given.
func (b *keyBrowser) tokens(text string) harness.Tokens {
	b.t.Helper()
	var tokens struct{ AccessToken, RefreshToken string }
	if err := json.Unmarshal([]byte(text), &tokens); err != nil || tokens.AccessToken == "" {
		b.t.Fatalf("the page was given %s", text)
	}
	return harness.Tokens{Access: tokens.AccessToken, Refresh: tokens.RefreshToken}
}

func TestBrowserRegistersSignsInAndRemovesAPasskey(t *testing.T) {
	s, base := passkeyHost(t, "")
	p := verified(s, "a@x.test")
	b := openPasskeys(t, base, func(o *webauthn.VirtualAuthenticatorOptions) {
		o.DefaultBackupEligibility, o.DefaultBackupState = true, true
	})
	if got := b.told("register()"); got != "refused: auth/unauthorized" {
		t.Errorf("registering without a session: %s", got)
	}
	b.as(p.Access)
	var made struct {
		ID, Name string
		BackedUp bool
	}
	if got := b.told(`register({name: "My laptop"})`); json.Unmarshal([]byte(got), &made) != nil || made.Name != "My laptop" || !made.BackedUp {
		t.Fatalf("the page was given %s", got)
	}
	if got := b.told("register()"); got != "refused: passkey/exists" {
		t.Errorf("registering again: %s", got)
	}
	for _, how := range []string{"signIn()", `signIn({email: "a@x.test"})`} {
		tokens := b.tokens(b.told(how))
		s.Keep("accessToken", tokens.Access)
		s.Alive(tokens)
		if amr := claimOf(t, tokens.Access, "amr"); fmt.Sprint(amr) != "[swk user mfa]" {
			t.Errorf("%s: methods %v", how, amr)
		}
	}
	if got := b.told(`signIn({email: "nobody@x.test"})`); got != "refused: passkey/cancelled" {
		t.Errorf("with the decoys of nobody: %s", got)
	}
	if got := b.told(fmt.Sprintf("rename(%q, %q)", made.ID, "Blue key")); !strings.Contains(got, `"Blue key"`) {
		t.Errorf("renaming: %s", got)
	}
	b.do(func(ctx context.Context) error {
		list, err := webauthn.GetCredentials(b.authenticator).Do(ctx)
		if err == nil && (len(list) != 1 || !list[0].IsResidentCredential || list[0].UserHandle == "") {
			t.Errorf("the authenticator holds %d credentials", len(list))
		}
		return err
	})
	// Whoever removes it is told, and so is the browser.
	if got := b.told(fmt.Sprintf("remove(%q)", made.ID)); strings.HasPrefix(got, "refused") {
		t.Errorf("removing: %s", got)
	}
	if got := b.told("list()"); got != "[]" {
		t.Errorf("the list is %s", got)
	}
	if got := b.told("signIn()"); got != "refused: auth/invalid-passkey" && got != "refused: passkey/cancelled" {
		t.Errorf("signing in with a passkey that was removed: %s", got)
	}
}

// A passkey on an authenticator that cannot verify its user is one factor, and none
// where verification is required. Chromium makes no passkey there, so that it is
// made elsewhere and moved.
func TestBrowserWithoutUserVerification(t *testing.T) {
	moved := func(b *keyBrowser) {
		b.do(func(ctx context.Context) error {
			list, err := webauthn.GetCredentials(b.authenticator).Do(ctx)
			if err != nil {
				return err
			}
			if err := webauthn.RemoveVirtualAuthenticator(b.authenticator).Do(ctx); err != nil {
				return err
			}
			b.authenticator, err = webauthn.AddVirtualAuthenticator(&webauthn.VirtualAuthenticatorOptions{
				Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportUsb,
				HasResidentKey: true, AutomaticPresenceSimulation: true,
			}).Do(ctx)
			if err != nil {
				return err
			}
			for _, credential := range list {
				if err := webauthn.AddCredential(b.authenticator, credential).Do(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	usb := func(o *webauthn.VirtualAuthenticatorOptions) { o.Transport = webauthn.AuthenticatorTransportUsb }
	for required, want := range map[bool]string{false: "", true: "refused: passkey/"} {
		s, base := passkeyHost(t, "", func(c *admit.Config) { c.Passkeys.RequireUserVerification = required })
		p := verified(s, "a@x.test")
		b := openPasskeys(t, base, usb)
		b.as(p.Access)
		if got := b.told("register()"); !strings.Contains(got, `"id"`) {
			t.Fatalf("registering: %s", got)
		}
		moved(b)
		got := b.told(`signIn({email: "a@x.test"})`)
		if want != "" {
			if !strings.HasPrefix(got, want) {
				t.Errorf("where verification is required: %s", got)
			}
			continue
		}
		// It is one factor then. The account has a second factor, since the passkey
		// has verified its user before.
		if got != "refused: auth/mfa-required" {
			t.Errorf("where verification is not required: %s", got)
		}
	}
}

// The autofill of a field offers passkeys; a button takes over from it and gives
// it back.
func TestBrowserOffersPasskeysInTheAutofill(t *testing.T) {
	s, base := passkeyHost(t, `
window.conditional = 0;
const get = navigator.credentials.get.bind(navigator.credentials);
navigator.credentials.get = (o) => { 
  if (o.mediation !== "conditional") return get(o);
  window.conditional++;
  return window.deaf ? new Promise(() => {}) : get(o);
};`)
	p := verified(s, "a@x.test")
	b := openPasskeys(t, base, nil)
	if got := b.eval("canAutofill().then(String)"); got != "true" {
		t.Fatalf("the browser says that autofill is %s", got)
	}
	b.as(p.Access)
	if got := b.told("register()"); !strings.Contains(got, `"id"`) {
		t.Fatalf("registering: %s", got)
	}
	tokens := b.tokens(b.told("autofill()"))
	s.Keep("accessToken", tokens.Access)
	s.Alive(tokens)

	// Nobody chooses now: the autofill waits, a button works beside it, and cancel
	// ends it.
	b.do(func(ctx context.Context) error {
		return webauthn.SetAutomaticPresenceSimulation(b.authenticator, false).Do(ctx)
	})
	b.eval(`window.conditional = 0; window.filled = told(passkeys.autofill()); "started"`)
	b.waits("window.conditional === 1")
	b.do(func(ctx context.Context) error {
		return webauthn.SetAutomaticPresenceSimulation(b.authenticator, true).Do(ctx)
	})
	for _, call := range []string{"told(new passkeys.constructor().signIn())", "filled"} {
		tokens = b.tokens(b.eval(call))
		s.Keep("accessToken", tokens.Access)
	}
	s.Alive(tokens) // a browser that signs in again leaves the session before
	b.do(func(ctx context.Context) error {
		return webauthn.SetAutomaticPresenceSimulation(b.authenticator, false).Do(ctx)
	})
	b.eval(`window.conditional = 0; window.filled = told(passkeys.autofill()); "started"`)
	b.waits("window.conditional === 1")
	if got := b.eval(`passkeys.cancel(), filled`); got != "null" {
		t.Errorf("autofill that was cancelled: %s", got)
	}

	// A password manager that never hears of an abort holds nothing up.
	b.do(func(ctx context.Context) error {
		return webauthn.SetAutomaticPresenceSimulation(b.authenticator, true).Do(ctx)
	})
	b.eval(`window.deaf = true; window.conditional = 0; window.filled = told(passkeys.autofill()); "started"`)
	b.waits("window.conditional === 1")
	tokens = b.tokens(b.told("signIn()"))
	s.Keep("accessToken", tokens.Access)
	s.Alive(tokens)
	b.waits("window.conditional === 2")
	if got := b.eval(`passkeys.cancel(), filled`); got != "null" {
		t.Errorf("autofill that was cancelled without being heard: %s", got)
	}
}

// waits waits until an expression is true in the page.
func (b *keyBrowser) waits(expression string) {
	b.t.Helper()
	if err := chromedp.Run(b.ctx, chromedp.Poll(expression, nil, chromedp.WithPollingTimeout(30*time.Second))); err != nil {
		b.t.Fatalf("waited in vain for %s: %v", expression, err)
	}
}

// Password managers replace navigator.credentials by objects of their own: no
// class, no toJSON, no getTransports, and methods that are bound to the object.
func TestBrowserWithAPasswordManagerInTheWay(t *testing.T) {
	const manager = `
const real = navigator.credentials;
const plain = (c) => c && ({
  id: c.id, rawId: c.rawId, type: c.type, toJSON() { throw new TypeError("Illegal invocation"); },
  response: c.response.attestationObject
    ? { clientDataJSON: c.response.clientDataJSON, attestationObject: c.response.attestationObject }
    : { clientDataJSON: c.response.clientDataJSON, authenticatorData: new Uint8Array(c.response.authenticatorData), signature: c.response.signature, userHandle: c.response.userHandle },
});
const mine = {
  async create(o) { if (this !== mine) throw new TypeError("Illegal invocation"); return plain(await real.create(o)); },
  async get(o) { if (this !== mine) throw new TypeError("Illegal invocation"); return plain(await real.get(o)); },
};
Object.defineProperty(navigator, "credentials", { value: mine, configurable: false });
window.PublicKeyCredential = { signalUnknownCredential(o) { signals.push(["unknown", o]); }, signalAllAcceptedCredentials(o) { signals.push(["all", o]); throw new Error("not today"); } };
`
	s, base := passkeyHost(t, manager)
	p := verified(s, "a@x.test")
	b := openPasskeys(t, base, nil)
	if got := b.eval("String(supported)"); got != "true" {
		t.Fatalf("supported: %s", got)
	}
	if got := b.told("autofill()"); got != "null" {
		t.Errorf("autofill without isConditionalMediationAvailable: %s", got)
	}
	if got := b.eval("canRegisterQuietly().then(String)"); got != "false" {
		t.Errorf("quietly: %s", got)
	}
	b.as(p.Access)
	var made struct{ ID, CredentialID string }
	if got := b.told("register()"); json.Unmarshal([]byte(got), &made) != nil || made.ID == "" {
		t.Fatalf("registering: %s", got)
	}
	tokens := b.tokens(b.told("signIn()"))
	s.Keep("accessToken", tokens.Access)
	s.Alive(tokens)
	if got := b.told("sync()"); got != "null" {
		t.Errorf("sync: %s", got)
	}
	if err := s.Auth.Passkeys.Remove(t.Context(), admit.RemovePasskeyParams{UserID: p.ID, ID: made.ID}); err != nil {
		t.Fatal(err)
	}
	if got := b.told("signIn()"); got != "refused: auth/invalid-passkey" {
		t.Errorf("with a passkey that was removed: %s", got)
	}
	var signals [][]any
	if err := json.Unmarshal([]byte(b.eval("JSON.stringify(signals)")), &signals); err != nil || len(signals) != 2 {
		t.Fatalf("the browser was told %v, %v", signals, err)
	}
	if all := fmt.Sprint(signals[0]); !strings.Contains(all, "rpId:localhost") || !strings.Contains(all, made.CredentialID) {
		t.Errorf("the browser was told %s", all)
	}
	if unknown := fmt.Sprint(signals[1]); !strings.Contains(unknown, "unknown") || !strings.Contains(unknown, made.CredentialID) {
		t.Errorf("the browser was told %s", unknown)
	}
}

// A browser without passkeys is told apart from one whose owner said no.
func TestBrowserWithoutPasskeysIsTold(t *testing.T) {
	_, base := passkeyHost(t, `Object.defineProperty(navigator, "credentials", { value: undefined }); delete window.PublicKeyCredential;`)
	b := openPasskeys(t, base, nil)
	for _, call := range []string{"register()", "signIn()"} {
		if got := b.told(call); got != "refused: passkey/unsupported" {
			t.Errorf("%s: %s", call, got)
		}
	}
}
