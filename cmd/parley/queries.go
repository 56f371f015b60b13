package main

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// slowQuery is the duration from which a query of the store is logged.
const slowQuery = 500 * time.Millisecond

// queries counts the queries to a store, by kind. No value of a query is counted or logged.
type queries struct {
	took   *prometheus.HistogramVec
	failed *prometheus.CounterVec
	log    *slog.Logger
}

func newQueries(log *slog.Logger) *queries {
	return &queries{
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "parley_store_query_seconds",
			Help: "Time until a query of the store was answered, by its kind.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)},
			[]string{"query"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_store_query_failed_total",
			Help: "Queries of the store that failed or were not answered in time, by their kind."}, []string{"query"}),
		log: log,
	}
}

// observe is called after each query.
func (q *queries) observe(kind string, took time.Duration, err error) {
	q.took.WithLabelValues(kind).Observe(took.Seconds())
	if err != nil {
		q.failed.WithLabelValues(kind).Inc()
	}
	if took >= slowQuery {
		q.log.Warn("a query of the store was slow", "query", kind, "took", took.Round(time.Millisecond), "failed", err != nil)
	}
}
