// Package otel exports OpenTelemetry traces and metrics of Admit:
//
//	if err := otel.Instrument(&config, otel.Options{}); err != nil { … }
//	auth, err := admit.New(config)
//
// Every request to the handler makes a span and a measurement. The span is a
// child of the span in the context of the request, such as otelhttp makes. The
// package does not read the traceparent of a client. Events are counted.
//
// Attributes are route patterns, statuses, kinds and outcomes. Secrets,
// addresses, ids of people and paths are never exported. docs/otel.md lists all
// attributes.
package otel

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	global "go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/admit-go/admit"
)

// scope is the name of the instrumentation.
const scope = "github.com/admit-go/admit/otel"

const (
	requestMethod = attribute.Key("http.request.method")
	requestRoute  = attribute.Key("http.route")
	requestStatus = attribute.Key("http.response.status_code")
	requestID     = attribute.Key("admit.request.id")
	mailKind      = attribute.Key("admit.mail.kind")
	mailOutcome   = attribute.Key("admit.mail.outcome")
	eventKind     = attribute.Key("admit.event.kind")
	signInMethods = attribute.Key("admit.sign_in.methods")
)

// Options name the providers of traces and metrics.
type Options struct {
	// TracerProvider and MeterProvider default to the global ones of
	// go.opentelemetry.io/otel.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
}

// Instrument fills in config.Instrument and wraps config.OnEvent, which still
// gets every event. Call it right before [admit.New]. An event is counted after
// OnEvent has accepted it. After a crash an event may be counted again.
// Instrument fails if config.Instrument is in use already, or if the meter
// refuses an instrument.
func Instrument(config *admit.Config, options Options) error {
	current := config.Instrument
	if current.RequestBegan != nil || current.RequestEnded != nil || current.MailTried != nil || current.HashRefused != nil {
		return errors.New("otel: config.Instrument is in use already")
	}
	if options.TracerProvider == nil {
		options.TracerProvider = global.GetTracerProvider()
	}
	if options.MeterProvider == nil {
		options.MeterProvider = global.GetMeterProvider()
	}
	m, err := newMeters(options.MeterProvider.Meter(scope))
	if err != nil {
		return err
	}
	o := &observer{tracer: options.TracerProvider.Tracer(scope), meters: m, next: config.OnEvent}
	config.Instrument = admit.Instrument{
		RequestBegan: o.requestBegan, RequestEnded: o.requestEnded, MailTried: o.mailTried, HashRefused: o.hashRefused,
	}
	config.OnEvent = o.onEvent
	return nil
}

// meters are all metrics, with the names in docs/otel.md.
type meters struct {
	requests, mailDelay                     metric.Float64Histogram
	mailTries, hashRefused, events, signIns metric.Int64Counter
}

func newMeters(meter metric.Meter) (meters, error) {
	var m meters
	var errs [6]error
	m.requests, errs[0] = meter.Float64Histogram("admit.request.duration", metric.WithUnit("s"),
		metric.WithDescription("How long requests to the handler took."),
		metric.WithExplicitBucketBoundaries(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5))
	m.mailDelay, errs[1] = meter.Float64Histogram("admit.mail.delay", metric.WithUnit("s"),
		metric.WithDescription("How long messages had waited when they were sent."),
		metric.WithExplicitBucketBoundaries(0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400))
	m.mailTries, errs[2] = meter.Int64Counter("admit.mail.tries", metric.WithUnit("{try}"),
		metric.WithDescription("Tries to send a message, by how they went."))
	m.hashRefused, errs[3] = meter.Int64Counter("admit.password_hash.refused", metric.WithUnit("{password}"),
		metric.WithDescription("Passwords that were not looked at because too many others were."))
	m.events, errs[4] = meter.Int64Counter("admit.events", metric.WithUnit("{event}"),
		metric.WithDescription("Events of the audit log, by kind."))
	m.signIns, errs[5] = meter.Int64Counter("admit.sign_ins", metric.WithUnit("{session}"),
		metric.WithDescription("Sessions that were made, by what their user proved."))
	return m, errors.Join(errs[:]...)
}

// observer implements the functions of Instrument and OnEvent.
type observer struct {
	meters
	tracer trace.Tracer
	next   func(ctx context.Context, e admit.Event) error
}

// spanKey finds the span of the request. The current span of the context may be
// another one.
type spanKey struct{}

func (o *observer) requestBegan(ctx context.Context) context.Context {
	kind := trace.SpanKindServer
	if parent := trace.SpanContextFromContext(ctx); parent.IsValid() && !parent.IsRemote() {
		kind = trace.SpanKindInternal // the host has a span for the request itself
	}
	ctx, span := o.tracer.Start(ctx, "admit request", trace.WithSpanKind(kind)) //nolint:spancheck // requestEnded ends it
	return context.WithValue(ctx, spanKey{}, span)                              //nolint:spancheck // requestEnded ends it
}

func (o *observer) requestEnded(ctx context.Context, r admit.RequestFacts) {
	attributes := []attribute.KeyValue{requestMethod.String(r.Method)}
	name := r.Method
	if r.Route != "" {
		attributes = append(attributes, requestRoute.String(r.Route))
		name += " " + r.Route
	}
	if r.Status != 0 {
		attributes = append(attributes, requestStatus.Int(r.Status))
	}
	o.requests.Record(ctx, r.Duration.Seconds(), metric.WithAttributes(attributes...))
	span, ok := ctx.Value(spanKey{}).(trace.Span)
	if !ok {
		return
	}
	span.SetName(name)
	span.SetAttributes(append(attributes, requestID.String(r.ID))...)
	switch {
	case r.Status == 0:
		span.SetStatus(codes.Error, "the connection was broken off")
	case r.Status >= http.StatusInternalServerError:
		span.SetStatus(codes.Error, http.StatusText(r.Status))
	}
	span.End()
}

func (o *observer) mailTried(ctx context.Context, m admit.MailFacts) {
	kind := mailKind.String(m.Kind)
	o.mailTries.Add(ctx, 1, metric.WithAttributes(kind, mailOutcome.String(m.Outcome)))
	if m.Outcome == "sent" {
		o.mailDelay.Record(ctx, m.Age.Seconds(), metric.WithAttributes(kind))
	}
}

func (o *observer) hashRefused(ctx context.Context) { o.meters.hashRefused.Add(ctx, 1) }

func (o *observer) onEvent(ctx context.Context, e admit.Event) error {
	if o.next != nil {
		if err := o.next(ctx, e); err != nil {
			return err
		}
	}
	o.events.Add(ctx, 1, metric.WithAttributes(eventKind.String(e.Kind)))
	if e.Kind == "session.created" {
		var data struct {
			Methods string `json:"methods"`
		}
		// A sign-in without methods is counted too.
		_ = json.Unmarshal(e.Data, &data)
		o.signIns.Add(ctx, 1, metric.WithAttributes(signInMethods.String(data.Methods)))
	}
	return nil
}
