package admit

import (
	"encoding/json"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/admit-go/admit/internal/webio"
)

// This file writes events in the formats of downloads.

// eventBody is an event for operators.
type eventBody struct {
	ID        string         `json:"id"`
	Seq       *int64         `json:"seq"`
	Prev      webio.Optional `json:"prev"`
	Kind      string         `json:"kind"`
	At        webio.Instant  `json:"at"`
	ActorID   webio.Optional `json:"actorId"`
	SubjectID webio.Optional `json:"subjectId"`
	IPAddress webio.Optional `json:"ipAddress"`
	UserAgent webio.Optional `json:"userAgent"`
	RequestID webio.Optional `json:"requestId"`
	Data      jsontext.Value `json:"data"`
}

func showEvent(e *Event) eventBody {
	body := eventBody{
		ID: e.ID, Prev: webio.Optional(e.Prev), Kind: e.Kind, At: webio.Instant(e.At), ActorID: webio.Optional(e.ActorID), SubjectID: webio.Optional(e.SubjectID),
		IPAddress: webio.Optional(e.IPAddress), UserAgent: webio.Optional(e.UserAgent), RequestID: webio.Optional(e.RequestID), Data: jsontext.Value("null"),
	}
	if e.Seq != 0 {
		body.Seq = &e.Seq
	}
	if e.Data != nil {
		body.Data = e.Data
	}
	return body
}

// auditFormat is a format with one line for each event.
type auditFormat struct {
	mediaType, extension string
	// first is what comes before the lines.
	first string
	// line appends an event to b.
	line func(b []byte, site string, e *Event) ([]byte, error)
}

var auditFormats = map[string]auditFormat{
	"jsonl": {mediaType: "application/x-ndjson", extension: "jsonl", line: eventLine},
	"csv":   {mediaType: "text/csv; charset=utf-8; header=present", extension: "csv", first: csvHeader, line: eventCSV},
	"ocsf":  {mediaType: "application/x-ndjson", extension: "ocsf.jsonl", line: eventOCSF},
}

func eventLine(b []byte, _ string, e *Event) ([]byte, error) {
	line, err := jsonv2.Marshal(showEvent(e), jsonv2.Deterministic(true))
	return append(append(b, line...), '\n'), err
}

const csvHeader = `"seq","id","at","kind","actorId","subjectId","ipAddress","userAgent","requestId","data","prev"` + "\r\n"

// eventCSV writes a record of RFC 4180.
func eventCSV(b []byte, _ string, e *Event) ([]byte, error) {
	seq := ""
	if e.Seq != 0 {
		seq = strconv.FormatInt(e.Seq, 10)
	}
	at := e.At.UTC().Format("2006-01-02T15:04:05.000Z")
	for i, cell := range [...]string{seq, e.ID, at, e.Kind, e.ActorID, e.SubjectID, e.IPAddress, e.UserAgent, e.RequestID, string(e.Data), e.Prev} {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, strings.ReplaceAll(harmless(cell), `"`, `""`)...)
		b = append(b, '"')
	}
	return append(b, "\r\n"...), nil
}

// formulas are the characters with which a spreadsheet starts a formula, and their
// wide forms. A cell that starts with a tab or a line break is trimmed by some.
const formulas = "=+-@\t\r\n＝＋－＠"

// harmless puts an apostrophe before what a spreadsheet would compute: at the start
// of a cell, and after each character that a spreadsheet of another language takes
// for the end of a cell.
func harmless(cell string) string {
	if !strings.ContainsAny(cell, formulas) {
		return cell
	}
	var b strings.Builder
	start := true
	for _, r := range cell {
		if start && strings.ContainsRune(formulas, r) {
			b.WriteByte('\'')
		}
		b.WriteRune(r)
		start = strings.ContainsRune(";\t\r\n", r)
	}
	return b.String()
}

// ocsfVersion is the version of the Open Cybersecurity Schema Framework.
const ocsfVersion = "1.3.0"

// The classes of OCSF that events have, with their categories.
const (
	ocsfBase           = 0
	ocsfAccountChange  = 3001
	ocsfAuthentication = 3002
	ocsfIAM            = 3
	ocsfOther          = 99
)

// ocsfClass is what OCSF says about a kind of event.
type ocsfClass struct {
	class, activity int
	// failed and severity are the outcome. Severity 1 is informational.
	failed   bool
	severity int
}

// ocsfClasses are the kinds that have a class of their own. Every other kind about an
// account is another change of the account, and the rest are base events.
var ocsfClasses = map[string]ocsfClass{
	eventSessionCreated:    {class: ocsfAuthentication, activity: 1},
	eventSessionEnded:      {class: ocsfAuthentication, activity: 2},
	eventSessionPaused:     {class: ocsfAuthentication, activity: 6},
	eventReauthenticated:   {class: ocsfAuthentication, activity: ocsfOther},
	eventSessionSwitched:   {class: ocsfAuthentication, activity: ocsfOther},
	eventSignInFailed:      {class: ocsfAuthentication, activity: 1, failed: true, severity: 2},
	eventLimitReached:      {class: ocsfAuthentication, activity: 1, failed: true, severity: 3},
	eventKeyRefused:        {class: ocsfAuthentication, activity: 1, failed: true, severity: 2},
	eventPasswordLeaked:    {class: ocsfAuthentication, activity: 1, failed: true, severity: 3},
	eventRefreshReused:     {class: ocsfAuthentication, activity: ocsfOther, failed: true, severity: 4},
	eventUserCreated:       {class: ocsfAccountChange, activity: 1},
	eventUserUnbanned:      {class: ocsfAccountChange, activity: 2},
	eventUserRestored:      {class: ocsfAccountChange, activity: 2},
	eventPasswordChanged:   {class: ocsfAccountChange, activity: 3},
	eventUserBanned:        {class: ocsfAccountChange, activity: 5, severity: 2},
	eventUserDeleted:       {class: ocsfAccountChange, activity: 6},
	eventUserPurged:        {class: ocsfAccountChange, activity: 6},
	eventMFAEnabled:        {class: ocsfAccountChange, activity: 10},
	eventPasskeyAdded:      {class: ocsfAccountChange, activity: 10},
	eventMFADisabled:       {class: ocsfAccountChange, activity: 11, severity: 2},
	eventMFAReset:          {class: ocsfAccountChange, activity: 11, severity: 3},
	eventPasskeyRemoved:    {class: ocsfAccountChange, activity: 11, severity: 2},
	eventRoleChanged:       {class: ocsfAccountChange, activity: ocsfOther, severity: 2},
	eventAccountClaimed:    {class: ocsfAccountChange, activity: ocsfOther, severity: 2},
	eventAccountContested:  {class: ocsfAccountChange, activity: ocsfOther, severity: 2},
	eventPasskeyCount:      {class: ocsfAccountChange, activity: ocsfOther, severity: 3},
	eventEmailChangeUndone: {class: ocsfAccountChange, activity: ocsfOther, severity: 3},
}

type ocsfUser struct {
	UID  string `json:"uid,omitempty"`
	Name string `json:"name,omitempty"`
}

type ocsfActor struct {
	User ocsfUser `json:"user"`
}

type ocsfName struct {
	Name string `json:"name"`
}

type ocsfEndpoint struct {
	IP string `json:"ip"`
}

type ocsfProduct struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
}

type ocsfMetadata struct {
	Version   string      `json:"version"`
	Product   ocsfProduct `json:"product"`
	UID       string      `json:"uid"`
	EventCode string      `json:"event_code"`
	Sequence  int64       `json:"sequence,omitempty"`
}

type ocsfUnmapped struct {
	ActorID   string          `json:"actorId,omitempty"`
	SubjectID string          `json:"subjectId,omitempty"`
	UserAgent string          `json:"userAgent,omitempty"`
	RequestID string          `json:"requestId,omitempty"`
	Prev      string          `json:"prev,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
}

type ocsfEvent struct {
	ClassUID     int           `json:"class_uid"`
	CategoryUID  int           `json:"category_uid"`
	ActivityID   int           `json:"activity_id"`
	ActivityName string        `json:"activity_name"`
	TypeUID      int           `json:"type_uid"`
	SeverityID   int           `json:"severity_id"`
	StatusID     int           `json:"status_id"`
	Time         int64         `json:"time"`
	Message      string        `json:"message"`
	Metadata     ocsfMetadata  `json:"metadata"`
	User         *ocsfUser     `json:"user,omitempty"`
	Actor        *ocsfActor    `json:"actor,omitempty"`
	Service      *ocsfName     `json:"service,omitempty"`
	SrcEndpoint  *ocsfEndpoint `json:"src_endpoint,omitempty"`
	Unmapped     ocsfUnmapped  `json:"unmapped"`
}

// eventOCSF writes an event of the Open Cybersecurity Schema Framework.
func eventOCSF(b []byte, site string, e *Event) ([]byte, error) {
	of, known := ocsfClasses[e.Kind]
	switch {
	case !known && e.SubjectID != "":
		of = ocsfClass{class: ocsfAccountChange, activity: ocsfOther}
	case !known:
		of = ocsfClass{class: ocsfBase, activity: ocsfOther}
	}
	out := ocsfEvent{
		ClassUID: of.class, ActivityID: of.activity, ActivityName: e.Kind, TypeUID: of.class*100 + of.activity, SeverityID: max(of.severity, 1), StatusID: 1,
		Time: e.At.UnixMilli(), Message: e.Kind,
		Metadata: ocsfMetadata{Version: ocsfVersion, Product: ocsfProduct{"Admit", "Admit"}, UID: e.ID, EventCode: e.Kind, Sequence: e.Seq},
		Unmapped: ocsfUnmapped{ActorID: e.ActorID, SubjectID: e.SubjectID, UserAgent: e.UserAgent, RequestID: e.RequestID, Prev: e.Prev, Data: e.Data},
	}
	if of.failed {
		out.StatusID = 2
	}
	if of.class != ocsfBase {
		out.CategoryUID = ocsfIAM
		out.User = &ocsfUser{UID: e.SubjectID}
		if e.SubjectID == "" {
			out.User.Name = "unknown"
		}
		if e.ActorID != "" {
			out.Actor = &ocsfActor{ocsfUser{UID: e.ActorID}}
		}
		if e.IPAddress != "" {
			out.SrcEndpoint = &ocsfEndpoint{e.IPAddress}
		}
	}
	if of.class == ocsfAuthentication {
		out.Service = &ocsfName{orAdmit(site)}
	}
	line, err := json.Marshal(out)
	return append(append(b, line...), '\n'), err
}

func orAdmit(site string) string {
	if site == "" {
		return "Admit"
	}
	return site
}
