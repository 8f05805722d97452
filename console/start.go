package console

import (
	"context"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/uuid"
)

const (
	// mostCounted bounds the events of one kind that the start page reads.
	mostCounted = 5000
	hours       = 24
)

// hour is what happened in one hour.
type hour struct {
	At      time.Time
	OK, Bad int
}

// startView is the start page.
type startView struct {
	Hours   []hour
	OK, Bad int
	Chart   template.HTML
	Reasons []reasonCount
	// More says that only the first events were counted.
	More          bool
	Dead, Waiting int
	// OldestKey is when the oldest key was made that still works; zero without keys.
	OldestKey    time.Time
	Pending      []string
	KnowsPending bool
}

// reasonCount is how often sign-ins failed for one reason.
type reasonCount struct {
	Text  string
	Count int
}

// startPage shows how the last day went, and what needs somebody.
func (v *visit) startPage() error {
	v.view.Section = "start"
	ctx := v.r.Context()
	data := &startView{}
	if err := v.count(data); err != nil {
		return err
	}
	dead, err := v.auth.Outbox.Dead(ctx, admit.PageParams{Number: 1, Limit: 1})
	if err != nil {
		return err
	}
	waiting, err := v.auth.Outbox.List(ctx, admit.ListOutboxParams{Page: admit.PageParams{Number: 1, Limit: 1}})
	if err != nil {
		return err
	}
	data.Dead, data.Waiting = dead.Total, waiting.Total
	keys, err := v.auth.APIKeys.List(ctx, admit.PageParams{Number: 1, Limit: 100})
	if err != nil {
		return err
	}
	now := v.config.Now()
	for _, k := range keys.Items {
		dead := !k.RevokedAt.IsZero() && !k.RevokedAt.After(now) || !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now)
		if !dead && (data.OldestKey.IsZero() || k.CreatedAt.Before(data.OldestKey)) {
			data.OldestKey = k.CreatedAt
		}
	}
	if store, ok := v.config.Store.(interface {
		Pending(ctx context.Context) ([]string, error)
	}); ok {
		data.KnowsPending = true
		if data.Pending, err = store.Pending(ctx); err != nil {
			return err
		}
	}
	v.view.Data = data
	return v.show(http.StatusOK, "start")
}

// count reads the sign-ins and the failures of the last day.
func (v *visit) count(data *startView) error {
	now := v.config.Now().UTC()
	first := now.Truncate(time.Hour).Add(-(hours - 1) * time.Hour)
	data.Hours = make([]hour, hours)
	for i := range data.Hours {
		data.Hours[i].At = first.Add(time.Duration(i) * time.Hour)
	}
	reasons := map[string]int{}
	for _, kind := range []string{"session.created", "signin.failed", "limit.reached", "key.refused", "password.leaked"} {
		after, read := uuid.First(first), 0
		for after != "" {
			list, err := v.auth.Events.List(v.r.Context(), admit.ListEventsParams{Kind: kind, After: after, Limit: 1000})
			if err != nil {
				return err
			}
			for _, e := range list.Items {
				at := int(e.At.Sub(first) / time.Hour)
				if at < 0 || at >= hours {
					continue
				}
				if kind == "session.created" {
					data.Hours[at].OK++
					data.OK++
					continue
				}
				n := times(e)
				data.Hours[at].Bad += n
				data.Bad += n
				reasons[v.because(e)] += n
			}
			if read += len(list.Items); read >= mostCounted && list.Next != "" {
				data.More = true
				break
			}
			after = list.Next
		}
	}
	for _, text := range slices.SortedFunc(maps.Keys(reasons), func(a, b string) int { return reasons[b] - reasons[a] }) {
		data.Reasons = append(data.Reasons, reasonCount{text, reasons[text]})
	}
	data.Chart = chart(data.Hours, v.words.Say("start.chart"))
	return nil
}

// because names the reason of a failure.
func (v *visit) because(e admit.Event) string {
	switch e.Kind {
	case "limit.reached":
		return v.words.Say("reason.limit", "budget", or(fact(e, "budget"), "–"))
	case "key.refused":
		return v.words.Say("reason.key", "code", or(fact(e, "code"), "–"))
	case "password.leaked":
		return v.words.Say("reason.leaked")
	}
	return v.words.Say("reason.wrong")
}

// chart draws sign-ins and failures of each hour, side by side.
func chart(all []hour, title string) template.HTML {
	const width, height, top, slot = 720, 150, 10, 720 / hours
	most := 1
	for _, h := range all {
		most = max(most, h.OK, h.Bad)
	}
	var drawn strings.Builder
	fmt.Fprintf(&drawn, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, height+20, template.HTMLEscapeString(title))
	for i, h := range all {
		for at, bar := range []struct {
			n    int
			name string
		}{{h.OK, "ok"}, {h.Bad, "bad"}} {
			if tall := bar.n * (height - top) / most; bar.n > 0 {
				tall = max(tall, 2)
				fmt.Fprintf(&drawn, `<rect class="%s" x="%d" y="%d" width="11" height="%d"></rect>`, bar.name, i*slot+3+at*12, height-tall, tall)
			}
		}
		if i%6 == 0 {
			fmt.Fprintf(&drawn, `<text x="%d" y="%d">%s</text>`, i*slot+3, height+14, h.At.Format("15:04"))
		}
	}
	fmt.Fprintf(&drawn, `<text x="3" y="%d">%d</text>`, top+2, most)
	fmt.Fprintf(&drawn, `<line class="axis" x1="0" y1="%d" x2="%d" y2="%d"></line></svg>`, height, width, height)
	return template.HTML(drawn.String()) //nolint:gosec // numbers, and an escaped title
}
