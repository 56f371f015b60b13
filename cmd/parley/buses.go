package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/kafka"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/adapter/nats"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/wire"
)

// Kinds of servers that a setting may name, by the beginning of its URL.
var (
	busSchemes      = []string{"redis", "rediss", "nats", "kafka"}
	presenceSchemes = []string{"redis", "rediss", "nats"}
)

// schemeOf returns the scheme of a URL; "" for a word.
func schemeOf(url string) string {
	scheme, _, ok := strings.Cut(url, "://")
	if !ok {
		return ""
	}
	return scheme
}

// checkBuses refuses a bus and a presence store that are unknown or do not fit together.
func (f *nodeFlags) checkBuses() error {
	switch {
	case f.Bus != "local" && !slices.Contains(busSchemes, schemeOf(f.Bus)):
		return refuse("--bus "+secretless(f.Bus)+" is not a bus that this version knows.",
			"Use --bus local, redis://HOST:PORT, nats://HOST:PORT or kafka://HOST:PORT.")
	case f.Presence != "memory" && !slices.Contains(presenceSchemes, schemeOf(f.Presence)):
		return refuse("--presence "+secretless(f.Presence)+" is not a store of presence that this version knows.",
			"Use --presence memory, redis://HOST:PORT or nats://HOST:PORT.")
	case f.Ingest != "" && schemeOf(f.Ingest) != "kafka":
		return refuse("--ingest "+secretless(f.Ingest)+" is not a topic that this version can read.", "Use --ingest kafka://HOST:PORT/TOPIC.")
	case f.Bus != "local" && f.Presence == "memory":
		return refuse("--bus "+secretless(f.Bus)+" connects several nodes, but --presence memory is one node's own.",
			"Add --presence redis://HOST:PORT or --presence nats://HOST:PORT.")
	}
	return f.checkURLs()
}

// checkURLs refuses URLs that cannot be used, before anything connects.
func (f *nodeFlags) checkURLs() (err error) {
	flag, url := "--bus", f.Bus
	_, err = f.openBus()
	if err == nil && schemeOf(f.Presence) == "nats" {
		flag, url = "--presence", f.Presence
		_, err = nats.NewBus(nats.Config{URL: url})
	}
	if err == nil && f.Ingest != "" {
		flag, url = "--ingest", f.Ingest
		_, err = kafka.NewIntake(kafka.Config{URL: url})
	}
	if err != nil {
		return refuse(fmt.Sprintf("%s %s: %v.", flag, secretless(url), err), "docs/operations.md has what such a URL may say.")
	}
	return nil
}

// openBuses opens the servers of --bus and --presence.
func (n *node) openBuses(ctx context.Context, s *stores) (err error) {
	s.busAt, s.presenceAt = secretless(n.flags.Bus), secretless(n.flags.Presence)
	switch f := n.flags; schemeOf(f.Presence) {
	case "":
		s.presence = mem.NewPresence(mem.PresenceConfig{})
	case "nats": // used tickets expire like leases, and are stored with them
		p, err := nats.Open(ctx, nats.Config{URL: f.Presence})
		if err != nil {
			return away("--presence", f.Presence, err)
		}
		s.presence, s.once, s.closers = p, p, append(s.closers, p.Close)
	default:
		p, err := redis.OpenPresence(ctx, redis.Config{URL: f.Presence})
		if err != nil {
			return away("--presence", f.Presence, err)
		}
		s.presence, s.closers = p, append(s.closers, p.Close)
	}
	if s.bus, err = n.flags.openBus(); err != nil {
		return away("--bus", n.flags.Bus, err)
	}
	if n.flags.Ingest != "" {
		if s.intake, err = kafka.NewIntake(kafka.Config{URL: n.flags.Ingest}); err != nil {
			return away("--ingest", n.flags.Ingest, err)
		}
	}
	return nil
}

// openBus returns the bus, not yet connected; nil: none.
func (f *nodeFlags) openBus() (parley.Bus, error) {
	switch url := f.Bus; schemeOf(url) {
	case "":
		return nil, nil
	case "kafka":
		b, err := kafka.NewBus(kafka.Config{URL: url, Value: wire.Feed})
		if err != nil {
			return nil, err
		}
		return b, nil
	case "nats":
		b, err := nats.NewBus(nats.Config{URL: url})
		if err != nil {
			return nil, err // not a nil *nats.Bus
		}
		return b, nil
	default:
		b, err := redis.NewBus(redis.Config{URL: url})
		if err != nil {
			return nil, err
		}
		return b, nil
	}
}

// away reports that a server could not be used.
func away(flag, url string, err error) error {
	return fmt.Errorf("%s %s cannot be used: %w", flag, secretless(url), err)
}

// secretless returns a URL without passwords.
func secretless(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if at := strings.LastIndexByte(rest, '@'); ok && at >= 0 {
		return scheme + "://…" + rest[at:]
	}
	return url
}
