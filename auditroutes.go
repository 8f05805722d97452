package admit

import (
	"bufio"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/internal/webio"
)

// This file has the routes of audit.go.

// auditDoors are the routes of the audit log.
type auditDoors struct {
	*kernel
	events *Events
}

func (d *auditDoors) feature() feature {
	return feature{
		name: "audit log",
		routes: []route{
			{method: http.MethodGet, path: "/admin/audit", who: adminGroup, scope: "audit:read", serve: d.handleList},
		},
		events: []string{eventAuditRead},
		holds:  holding{nothing: "the events hold it"},
	}
}

// auditPage is how many events a download reads at once, and auditPatience how long
// it waits for them.
const (
	auditPage     = 500
	auditPatience = 30 * time.Second
)

// auditQuery is what a request for the log asks for.
type auditQuery struct {
	ListEventsParams
	format string
	// named are the filters of the request, for the event about it.
	named eventData
}

// auditQueryOf reads a request for the log.
func auditQueryOf(r *http.Request) (q auditQuery, err error) {
	query, err := webio.Query(r)
	if err != nil {
		return q, err
	}
	var from, until, order, limit string
	err = webio.Fields(query, map[string]*string{
		"actor": &q.ActorID, "subject": &q.UserID, "kind": &q.Kind, "from": &from, "until": &until, "order": &order,
		"cursor": &q.After, "limit": &limit, "format": &q.format,
	})
	if err != nil {
		return q, err
	}
	q.named = eventData{}
	for name, value := range map[string]string{"actor": q.ActorID, "subject": q.UserID, "kind": q.Kind, "from": from, "until": until} {
		if len(value) > 100 {
			return q, ErrInvalidRequest.detail(name, "must have at most 100 characters")
		}
		if value != "" {
			q.named[name] = value
		}
	}
	if _, known := auditFormats[q.format]; !known && q.format != "" && q.format != "json" {
		return q, ErrInvalidRequest.detail("format", "must be json, jsonl, csv or ocsf")
	}
	q.named["format"] = orJSON(q.format)
	switch order {
	case "":
		q.Newest = orJSON(q.format) == "json"
	case "newest", "oldest":
		q.Newest = order == "newest"
	default:
		return q, ErrInvalidRequest.detail("order", "must be newest or oldest")
	}
	if q.After != "" && !uuid.Valid(q.After) {
		return q, ErrInvalidRequest.detail("cursor", "must be the nextCursor of an answer")
	}
	q.Limit = 50
	if limit != "" {
		if q.Limit, err = strconv.Atoi(limit); err != nil || q.Limit < 1 || q.Limit > 100 || strconv.Itoa(q.Limit) != limit {
			return q, ErrInvalidRequest.detail("limit", "must be a whole number from 1 to 100")
		}
	}
	if q.From, err = auditTime("from", from); err != nil {
		return q, err
	}
	q.Until, err = auditTime("until", until)
	return q, err
}

func orJSON(format string) string {
	if format == "" {
		return "json"
	}
	return format
}

// auditTime reads a time of a query. The empty text is no time.
func auditTime(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() < 1970 || at.Year() > 9999 {
		return time.Time{}, ErrInvalidRequest.detail(name, "must be a time such as 2026-05-01T12:00:00Z")
	}
	return at.UTC(), nil
}

// recordRead records that somebody reads the log.
func (d *auditDoors) recordRead(ctx context.Context, q *auditQuery) error {
	return d.tx(ctx, func(ctx context.Context, tx *txn) error {
		return tx.record(ctx, event{kind: eventAuditRead, data: q.named})
	})
}

func (d *auditDoors) handleList(w http.ResponseWriter, r *http.Request) error {
	q, err := auditQueryOf(r)
	if err != nil {
		return err
	}
	linkEvents(d.kernel)
	if format, ok := auditFormats[q.format]; ok {
		if err := d.recordRead(r.Context(), &q); err != nil {
			return err
		}
		return d.download(w, r, &q, format)
	}
	list, err := d.events.List(r.Context(), q.ListEventsParams)
	if err != nil {
		return err
	}
	// Nothing is shown unless the event about it is kept.
	if err := d.recordRead(r.Context(), &q); err != nil {
		return err
	}
	body := struct {
		Items      []eventBody    `json:"items"`
		NextCursor webio.Optional `json:"nextCursor"`
	}{make([]eventBody, len(list.Items)), webio.Optional(list.Next)}
	for i := range list.Items {
		body.Items[i] = showEvent(&list.Items[i])
	}
	return webio.Write(w, http.StatusOK, body)
}

// download sends every selected event. No transaction is open meanwhile.
func (d *auditDoors) download(w http.ResponseWriter, r *http.Request, q *auditQuery, format auditFormat) error {
	q.Limit = auditPage
	page, err := d.page(r.Context(), q)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", format.mediaType)
	h.Set("Content-Disposition", `attachment; filename="audit.`+format.extension+`"`)
	w.WriteHeader(http.StatusOK)
	out := bufio.NewWriterSize(w, 32<<10)
	_, err = out.WriteString(format.first)
	var line []byte
	for err == nil {
		for i := range page.Items {
			if line, err = format.line(line[:0], d.config.SiteName, &page.Items[i]); err != nil {
				break
			}
			if _, err = out.Write(line); err != nil {
				break
			}
		}
		if err != nil || page.Next == "" {
			break
		}
		q.After = page.Next
		page, err = d.page(r.Context(), q)
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		d.log.WarnContext(r.Context(), "a download of the audit log broke off", "error", err)
		panic(http.ErrAbortHandler) // the client must not take it for complete
	}
	return nil
}

// page lists a part of a download. A download may take longer than a request, and a
// client that has hung up ends it with the next write.
func (d *auditDoors) page(ctx context.Context, q *auditQuery) (Listed[Event], error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditPatience)
	defer cancel()
	return d.events.List(ctx, q.ListEventsParams)
}
