package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/parley-server/parley/httpapi"
	"github.com/parley-server/parley/internal/clock"
)

// readyWithin limits the time of a check of the store by /readyz.
const readyWithin = time.Second

// readiness returns the answer to /readyz.
func (s *stores) readiness(ctx context.Context, peers func() (deaf bool, differing []string, why error)) httpapi.Readiness {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	is := httpapi.AllReady()
	is.Store.Promise = s.promise()
	if err := s.refusal(ctx); err != nil {
		is.Ready, is.Store.OK, is.Store.Detail = false, false, err.Error()
	}
	if damaged := s.damaged(); len(damaged) > 0 {
		names := make([]string, len(damaged))
		for i, file := range damaged {
			names[i] = filepath.Base(file)
		}
		is.Store.Detail = strings.TrimPrefix(
			is.Store.Detail+"; damaged: "+strings.Join(names, ", ")+", whose unreadable parts are unavailable", "; ")
	}
	if _, err := s.presence.Online(ctx, "readyz"); err != nil {
		is.Presence = httpapi.Part{Detail: s.presenceAt + ": " + err.Error()}
	}
	deaf, differing, why := peers()
	if deaf {
		is.Bus = httpapi.Part{Detail: "the bus " + s.busAt + " delivers nothing; other nodes' messages are found by reading the log"}
		if why != nil {
			is.Bus.Detail += ": " + why.Error()
		}
	}
	if len(differing) > 0 {
		is.Settings = httpapi.Part{Detail: "other settings than this node's have " + strings.Join(differing, ", ")}
	}
	return is
}

// checkEvery is how often a node looks at a store and presence that are other processes.
const checkEvery = 5 * time.Second

// logOutages writes to the log when the store or presence can't be used, and when they can again, until ctx ends. (The feed
// writes it of the bus, and the embedded store of itself.)
func logOutages(ctx context.Context, log *slog.Logger, ready func(context.Context) httpapi.Readiness) error {
	store, presence := outage{log: log, part: "the store"}, outage{log: log, part: "presence"}
	tick := clock.NewPulse(checkEvery)
	defer tick.Stop()
	for tick.Wait(ctx) {
		is := ready(ctx)
		if ctx.Err() != nil {
			break
		}
		store.found(time.Now(), is.Store)
		presence.found(time.Now(), is.Presence)
	}
	return nil
}

// outage is what is known of a part's absence. One failed check is none: it may only have been late.
type outage struct {
	log  *slog.Logger
	part string

	since  time.Time // the first of the checks that failed one after another; zero: the last one did not
	logged bool
}

func (o *outage) found(now time.Time, is httpapi.Part) {
	switch {
	case is.OK && o.logged:
		o.log.Info(o.part+" can be used again", "after", now.Sub(o.since).Round(time.Second))
		fallthrough
	case is.OK:
		o.since, o.logged = time.Time{}, false
	case o.since.IsZero():
		o.since = now
	case !o.logged:
		o.logged = true
		o.log.Warn(o.part+" can't be used", "error", is.Detail)
	}
}
