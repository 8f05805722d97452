package otel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/otel"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
	"github.com/admit-go/admit/store/storetest"
)

// host is an instrumented Auth whose traces and metrics stay in memory.
type host struct {
	*admit.Auth
	t      *testing.T
	mail   *mailer.Recorder
	store  store.Store
	tracer *sdktrace.TracerProvider
	spans  *tracetest.InMemoryExporter
	reader *metric.ManualReader
}

func newHost(t *testing.T, change ...func(*admit.Config)) *host {
	t.Helper()
	h := &host{t: t, mail: &mailer.Recorder{}, store: memory.New(), spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader()}
	h.tracer = sdktrace.NewTracerProvider(sdktrace.WithSyncer(h.spans))
	config := admit.Config{
		BaseURL: "http://127.0.0.1:8080", Secrets: admit.Secrets("wHs8kX2nPq5vB9tLz4rYcJ7mD1fG6hAe3uTo"),
		Store: h.store, Mailer: h.mail, Passwords: admit.PasswordConfig{InsecureFastHash: true},
		RequestTimeout: time.Minute, // a busy machine is not what is tested
		Logger:         slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&config)
	}
	err := otel.Instrument(&config, otel.Options{
		TracerProvider: h.tracer, MeterProvider: metric.NewMeterProvider(metric.WithReader(h.reader)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if h.Auth, err = admit.New(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close(context.Background()) })
	return h
}

// call sends one request with a client's address and device that must not be
// seen again, and returns the status and the decoded body.
func (h *host) call(ctx context.Context, method, path, token, body string) (int, map[string]any) {
	h.t.Helper()
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	r.RemoteAddr = "198.51.100.77:4711"
	r.Header.Set("User-Agent", "CanaryBrowser/1.0")
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, r)
	var answer map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			h.t.Fatalf("%s %s: %v in %q", method, path, err, w.Body)
		}
	}
	return w.Code, answer
}

const ann = `{"email":"ann.canary@example.test","password":"quiet-harbour-lamp","name":"Ann Canary"}`

func (h *host) signUp() (access, refresh string) {
	h.t.Helper()
	status, tokens := h.call(h.t.Context(), http.MethodPost, "/v1/auth/email/signup", "", ann)
	if status != http.StatusCreated {
		h.t.Fatalf("sign-up: %d %v", status, tokens)
	}
	return tokens["accessToken"].(string), tokens["refreshToken"].(string)
}

// finish delivers what is queued and returns all metrics by name.
func (h *host) finish() map[string]metricdata.Aggregation {
	h.t.Helper()
	if err := h.Close(context.Background()); err != nil {
		h.t.Fatal(err)
	}
	var all metricdata.ResourceMetrics
	if err := h.reader.Collect(context.Background(), &all); err != nil {
		h.t.Fatal(err)
	}
	found := map[string]metricdata.Aggregation{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			found[m.Name] = m.Data
		}
	}
	return found
}

// values shows the points of a metric as "attribute=value …" and their count.
func values(t *testing.T, data metricdata.Aggregation) map[string]int64 {
	t.Helper()
	shown := map[string]int64{}
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			shown[p.Attributes.Encoded(attribute.DefaultEncoder())] = p.Value
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			shown[p.Attributes.Encoded(attribute.DefaultEncoder())] = int64(p.Count)
			if p.Sum < 0 {
				t.Errorf("measured %v", p.Sum)
			}
		}
	default:
		t.Fatalf("a metric is %T", data)
	}
	return shown
}

func want(t *testing.T, name string, data metricdata.Aggregation, wanted map[string]int64) {
	t.Helper()
	if got := values(t, data); !maps.Equal(got, wanted) {
		t.Errorf("%s is %v, should be %v", name, got, wanted)
	}
}

func TestRequestsAreSpansAndMeasurementsByRoute(t *testing.T) {
	h := newHost(t)
	access, _ := h.signUp()
	h.spans.Reset()
	parentContext, parent := h.tracer.Tracer("host").Start(t.Context(), "POST /anything")
	h.call(parentContext, http.MethodGet, "/v1/auth/me", access, "")
	parent.End()
	h.call(t.Context(), http.MethodGet, "/v1/nowhere", "", "")

	spans := h.spans.GetSpans()
	if len(spans) != 3 {
		t.Fatalf("made %d spans", len(spans))
	}
	me, nowhere := spans[0], spans[2]
	if me.Name != "GET /v1/auth/me" || me.Parent.SpanID() != parent.SpanContext().SpanID() || me.SpanKind != trace.SpanKindInternal ||
		me.Status.Code != codes.Unset || me.EndTime.Before(me.StartTime) {
		t.Errorf("the span of me is %+v", me)
	}
	shown := attribute.NewSet(me.Attributes...)
	if id, ok := shown.Value("admit.request.id"); !ok || len(id.AsString()) != 16 {
		t.Errorf("the span of me has the request id %q", id.AsString())
	}
	if nowhere.Name != "GET" || nowhere.Parent.IsValid() || nowhere.SpanKind != trace.SpanKindServer {
		t.Errorf("the span of a path without a route is %+v", nowhere)
	}
	want(t, "admit.request.duration", h.finish()["admit.request.duration"], map[string]int64{
		"http.request.method=POST,http.response.status_code=201,http.route=/v1/auth/email/signup": 1,
		"http.request.method=GET,http.response.status_code=200,http.route=/v1/auth/me":            1,
		"http.request.method=GET,http.response.status_code=404":                                   1,
	})
}

func TestTheStoreIsCalledInsideTheSpanOfTheRequest(t *testing.T) {
	var inside trace.SpanContext
	h := newHost(t, func(c *admit.Config) {
		c.Store = storetest.Wrap(c.Store, func(ctx context.Context, verb string, call func(context.Context) error) error {
			if verb == "SessionUser" {
				inside = trace.SpanContextFromContext(ctx)
				return errors.New("the store is down")
			}
			return call(ctx)
		})
	})
	access, _ := h.signUp()
	h.spans.Reset()
	h.call(t.Context(), http.MethodGet, "/v1/auth/me", access, "")
	spans := h.spans.GetSpans()
	if len(spans) != 1 || !inside.IsValid() || spans[0].SpanContext.SpanID() != inside.SpanID() {
		t.Fatalf("the store was called in %v, the spans are %+v", inside, spans)
	}
	if spans[0].Status.Code != codes.Error || strings.Contains(fmt.Sprintf("%+v", spans[0]), "down") {
		t.Errorf("the span of a refused request is %+v", spans[0])
	}
}

func TestEventsAndMailsAreCounted(t *testing.T) {
	var seen []string
	refused := make(chan struct{})
	h := newHost(t, func(c *admit.Config) {
		c.OnEvent = func(_ context.Context, e admit.Event) error {
			select {
			case <-refused:
			default: // it comes again, and counts once
				close(refused)
				return errors.New("not now")
			}
			seen = append(seen, e.Kind)
			return nil
		}
	})
	access, _ := h.signUp()
	credentials, _, _ := strings.Cut(ann, `,"name`)
	if status, body := h.call(t.Context(), http.MethodPost, "/v1/auth/email/signin", "", credentials+"}"); status != http.StatusOK {
		t.Fatalf("sign-in: %d %v", status, body)
	}
	if status, body := h.call(t.Context(), http.MethodPost, "/v1/auth/signout", access, ""); status != http.StatusOK {
		t.Fatalf("sign-out: %d %v", status, body)
	}
	<-refused // or Close would be the first to try
	metrics := h.finish()
	want(t, "admit.events", metrics["admit.events"], map[string]int64{
		"admit.event.kind=user.created": 1, "admit.event.kind=session.created": 2, "admit.event.kind=session.ended": 1,
		"admit.event.kind=mail.requested": 1,
	})
	want(t, "admit.sign_ins", metrics["admit.sign_ins"], map[string]int64{"admit.sign_in.methods=pwd": 2})
	if !slices.Contains(seen, "session.ended") || len(seen) != 5 {
		t.Errorf("the host's own OnEvent saw %v", seen)
	}
	mails := values(t, metrics["admit.mail.tries"])
	if mails["admit.mail.kind="+string(mailer.SignupConfirmation)+",admit.mail.outcome=sent"] != 1 {
		t.Errorf("admit.mail.tries is %v", mails)
	}
	delays := values(t, metrics["admit.mail.delay"])
	if delays["admit.mail.kind="+string(mailer.SignupConfirmation)] != 1 {
		t.Errorf("admit.mail.delay is %v", delays)
	}
}

func TestRefusedPasswordsAreCounted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := newHost(t, func(c *admit.Config) { c.InsecureNoLimits, c.Passwords.InsecureFastHash = true, false })
	var people sync.WaitGroup
	for i := range 200 {
		people.Go(func() {
			_, err := h.Passwords.SignIn(ctx, admit.SignInParams{Email: fmt.Sprintf("nobody%d@example.test", i), Password: "quiet-harbour-lamp"})
			var refused *admit.Error
			if errors.As(err, &refused) && refused.RetryAfter > 0 {
				cancel() // the queue is full; whoever waits need not any more
			}
		})
	}
	people.Wait()
	cancel()
	if got := values(t, h.finish()["admit.password_hash.refused"]); got[""] < 1 {
		t.Errorf("admit.password_hash.refused is %v", got)
	}
}

func TestNoSecretAndNoAddressIsExported(t *testing.T) {
	h := newHost(t)
	access, refresh := h.signUp()
	status, me := h.call(t.Context(), http.MethodGet, "/v1/auth/me", access, "")
	if status != http.StatusOK {
		t.Fatalf("me: %d %v", status, me)
	}
	for _, request := range [][3]string{
		{http.MethodPost, "/v1/auth/email/signin", strings.Replace(ann, "lamp", "lump", 1)},
		{http.MethodPost, "/v1/auth/refresh", `{"refreshToken":"` + refresh + `"}`},
		{http.MethodPost, "/v1/auth/password/reset/request", `{"email":"ann.canary@example.test"}`},
		{http.MethodDelete, "/v1/auth/sessions/canary-in-a-path?canary=query", ""},
		{http.MethodGet, "/v1/canary-in-a-path", ""},
		{"CANARY", "/v1/auth/me", ""},
		{http.MethodPost, "/v1/auth/signout", ""},
	} {
		h.call(t.Context(), request[0], request[1], access, request[2])
	}
	canaries := []string{"canary", "quiet-harbour", access, refresh, strings.Split(access, ".")[2], "198.51.100.77", me["id"].(string), "wHs8kX2n"}
	if err := h.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, m := range h.mail.Messages() {
		canaries = append(canaries, m.To)
		for _, secret := range []string{m.Values.Code, m.Values.Link} {
			if secret != "" {
				canaries = append(canaries, secret)
			}
		}
	}
	var all metricdata.ResourceMetrics
	if err := h.reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	metrics, err := json.Marshal(all.ScopeMetrics)
	if err != nil {
		t.Fatal(err)
	}
	exported := string(metrics)
	for _, span := range h.spans.GetSpans() {
		attributes := attribute.NewSet(span.Attributes...)
		exported += fmt.Sprintf("%s %s %v %v %v\n", span.Name, attributes.Encoded(attribute.DefaultEncoder()), span.Events, span.Links, span.Status)
	}
	for _, name := range []string{"admit.sign_ins", "DELETE /v1/auth/sessions/{sessionId}", "admit.mail.tries"} {
		if !strings.Contains(exported, name) {
			t.Fatalf("%s is missing, so this test looks at nothing:\n%s", name, exported)
		}
	}
	for _, canary := range canaries {
		if strings.Contains(strings.ToLower(exported), strings.ToLower(canary)) {
			t.Errorf("%q was exported:\n%s", canary, exported)
		}
	}
}

func TestInstrumentTakesNothingFromAnother(t *testing.T) {
	config := admit.Config{Instrument: admit.Instrument{HashRefused: func(context.Context) {}}}
	if err := otel.Instrument(&config, otel.Options{}); err == nil || config.OnEvent != nil {
		t.Errorf("an instrument that was in use was replaced: %v", err)
	}
}

// TestTheDashboardAndThePageKnowEveryMetric holds the dashboard, which uses the
// names that Prometheus gives, and the page against the metrics there are.
func TestTheDashboardAndThePageKnowEveryMetric(t *testing.T) {
	dashboard, err := os.ReadFile("../docs/operations-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var parsed struct {
		Title  string
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(dashboard, &parsed); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/otel.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{
		"admit_request_duration_seconds": "admit.request.duration", "admit_mail_delay_seconds": "admit.mail.delay",
		"admit_mail_tries_total": "admit.mail.tries", "admit_password_hash_refused_total": "admit.password_hash.refused",
		"admit_events_total": "admit.events", "admit_sign_ins_total": "admit.sign_ins",
	}
	used := map[string]bool{}
	name := regexp.MustCompile(`\badmit_[a-z_]+?(_bucket|_count|_sum)?\b[{\[]`)
	for _, panel := range parsed.Panels {
		for _, target := range panel.Targets {
			for _, found := range name.FindAllStringSubmatch(target.Expr, -1) {
				metricName := strings.TrimSuffix(strings.TrimRight(found[0], "{["), found[1])
				if names[metricName] == "" {
					t.Errorf("panel %q shows %s, which there is not", panel.Title, metricName)
				}
				used[metricName] = true
			}
		}
	}
	for prometheus, ours := range names {
		if !used[prometheus] {
			t.Errorf("no panel shows %s", prometheus)
		}
		if !strings.Contains(string(page), "`"+ours+"`") {
			t.Errorf("docs/otel.md does not know %s", ours)
		}
	}
	// The names themselves are those of the code: each is made when it is used.
	config := admit.Config{}
	reader := metric.NewManualReader()
	if err := otel.Instrument(&config, otel.Options{MeterProvider: metric.NewMeterProvider(metric.WithReader(reader))}); err != nil {
		t.Fatal(err)
	}
	config.Instrument.RequestEnded(t.Context(), admit.RequestFacts{})
	config.Instrument.MailTried(t.Context(), admit.MailFacts{Outcome: "sent"})
	config.Instrument.HashRefused(t.Context())
	if err := config.OnEvent(t.Context(), admit.Event{Kind: "session.created"}); err != nil {
		t.Fatal(err)
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	var made []string
	for _, m := range all.ScopeMetrics[0].Metrics {
		made = append(made, m.Name)
	}
	slices.Sort(made)
	if known := slices.Sorted(maps.Values(names)); !slices.Equal(made, known) {
		t.Errorf("there are %v, this test knows %v", made, known)
	}
}
