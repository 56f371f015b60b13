package main

import (
	"cmp"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/parley-server/parley"
)

// meters count what happens inside the node (parley.Events), for Prometheus.
type meters struct {
	registry *prometheus.Registry

	appends   prometheus.Histogram
	batches   prometheus.Histogram
	failed    prometheus.Counter
	repaired  prometheus.Counter
	skipped   prometheus.Counter
	missed    prometheus.Counter
	resets    *prometheus.CounterVec
	dropped   *prometheus.CounterVec
	refusals  *prometheus.CounterVec
	ingested  *prometheus.CounterVec
	pushes    *prometheus.CounterVec
	webhooks  *prometheus.CounterVec
	lost      prometheus.Counter
	epochs    prometheus.Counter
	behind    atomic.Int64
	deaf      atomic.Bool
	differing atomic.Int64
}

func newMeters() *meters {
	m := &meters{registry: prometheus.NewRegistry()}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	by := func(name, help string, label ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append(label, "reason")[:1])
		m.registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
		m.registry.MustRegister(h)
		return h
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.appends = histogram("parley_append_seconds", "Time until a batch of one channel is durable.",
		prometheus.ExponentialBuckets(0.0005, 2, 14))
	m.batches = histogram("parley_append_entries", "Entries in a batch of one channel.", prometheus.ExponentialBuckets(1, 2, 10))
	m.failed = counter("parley_append_failed_total", "Entries that were not stored, or of which that is not known.")
	m.repaired = counter("parley_repaired_entries_total", "Entries that other nodes stored and that were read from the log.")
	m.skipped = counter("parley_repairs_skipped_total", "Gaps that were too large to repair: sessions read pages.")
	m.missed = counter("parley_page_misses_total", "Pages of history that were read from the store.")
	m.resets = by("parley_resets_total", "Sessions that were told that their cursor cannot be served, by the reason.")
	m.dropped = by("parley_dropped_total", "Streams and held polls that the server ended, by the reason.")
	m.refusals = by("parley_refusals_total", "Requests, frames and connections that were refused, by the reason.")
	m.ingested = by("parley_ingested_total", "Records of the topic of --ingest that were done with, by the result.", "result")
	m.pushes = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_push_decisions_total",
		Help: "Push notifications that were sent or not, by platform (none: no device was tried) and decision."},
		[]string{"platform", "decision"})
	m.webhooks = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_webhook_entries_total",
		Help: "Entries that were sent to webhooks, by webhook and result (accepted, refused)."}, []string{"webhook", "result"})
	m.registry.MustRegister(m.pushes, m.webhooks)
	m.lost = counter("parley_bus_lost_total", "Times that the bus lost, or may have lost, envelopes.")
	m.epochs = counter("parley_epochs_total", "Times that the store began a new epoch while this node ran.")
	m.gauge("parley_sessions_behind", "Sessions that wait for a page of history.", func() float64 { return float64(m.behind.Load()) })
	m.gauge("parley_bus_deaf", "1: the bus does not deliver.", func() float64 {
		if m.deaf.Load() {
			return 1
		}
		return 0
	})
	m.gauge("parley_nodes_differing", "Nodes whose settings differ from this one's.", func() float64 { return float64(m.differing.Load()) })
	return m
}

// events returns the callbacks of the node.
func (m *meters) events() parley.Events {
	return parley.Events{
		Appended: func(e parley.AppendEvent) {
			m.appends.Observe(e.Took.Seconds())
			m.batches.Observe(float64(e.Drafts))
			m.failed.Add(float64(e.Failed))
		},
		Repaired: func(e parley.RepairEvent) {
			m.repaired.Add(float64(e.Entries))
			if e.Skipped {
				m.skipped.Inc()
			}
		},
		PageMissed: func(parley.ChannelID) { m.missed.Inc() },
		Behind:     func(sessions int) { m.behind.Add(int64(sessions)) },
		Reset:      func(reason string) { m.resets.WithLabelValues(reason).Inc() },
		Dropped:    func(reason string) { m.dropped.WithLabelValues(reason).Inc() },
		Refused:    func(reason string) { m.refusals.WithLabelValues(reason).Inc() },
		Ingested:   func(result string) { m.ingested.WithLabelValues(result).Inc() },
		BusLost:    m.lost.Inc,
		BusDeaf:    m.deaf.Store,
		EpochBegun: func(string) { m.epochs.Inc() },
		Differing: func(_ string, same bool) {
			if same {
				m.differing.Add(-1)
			} else {
				m.differing.Add(1)
			}
		},
	}
}

// decided counts a decision of push.
func (m *meters) decided(platform, decision string) {
	m.pushes.WithLabelValues(cmp.Or(platform, "none"), decision).Inc()
}

// delivered counts what was sent to a webhook.
func (m *meters) delivered(name string) func(entries int, err error) {
	return func(entries int, err error) {
		result := "accepted"
		if err != nil {
			result = "refused"
		}
		m.webhooks.WithLabelValues(name, result).Add(float64(entries))
	}
}

func (m *meters) gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

func (m *meters) counter(name, help string, value func() int64) {
	m.registry.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
}

// watch adds metrics that the parts of a node keep themselves.
func (m *meters) watch(o *opened, s *server) {
	m.gauge("parley_streams", "WebSocket connections, event streams and held polls.", func() float64 { return float64(s.ways.Streams()) })
	m.gauge("parley_recent_bytes", "Bytes of recent entries that are kept for readers.",
		func() float64 { return float64(s.feed.Hub().Recent()) })
	m.gauge("parley_users", "Users that are online.", func() float64 { return float64(s.chat.Users()) })
	m.gauge("parley_watchers", "Streams that watch users.", func() float64 { return float64(s.chat.Watchers()) })
	m.gauge("parley_store_damaged_files", "Files of the store of which a part could not be read.",
		func() float64 { return float64(len(o.store.damaged())) })
	m.registry.MustRegister(o.store.collectors...)
	if s.push != nil {
		m.gauge("parley_push_providers_failing", "Push services that are not asked now, because they fail.",
			func() float64 { return float64(s.push.Broken()) })
	}
	m.counter("parley_store_rows_read_total", "Rows that were read from the store.", o.store.rowsRead)
	m.counter("parley_presence_messages_total", "Presence messages, counted where they were received.",
		func() int64 { return s.chat.PresenceTold().Messages })
	m.counter("parley_presence_deferred_total", "Comings and goings in small channels that were told later, with others.",
		func() int64 { return s.chat.PresenceTold().Deferred })
}

// handler serves the metrics to Prometheus.
func (m *meters) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
