package redis

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"strconv"
	"sync/atomic"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
)

// partitions is how many partitions the channels of a Cluster's bus are in. It is the same on every node.
const partitions = 64

func partitionOf(channel parley.ChannelID) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(channel))
	return int(h.Sum32() % partitions)
}

func sharded(c rueidis.Client) bool { return c.Mode() == rueidis.ClientModeCluster }

// links are a bus's connections for what it receives, one to each server. They belong to the goroutine of Bus.connect.
//
//	nowhere ──something is joined──▶ subscribed ──the connection broke, or the server ended it──▶ lost
//	                                     ▲──all joined again at the slot's server, then Lost───────┘
//
// One server has one partition.
type links struct {
	bus *Bus
	at  map[string]*link
	of  [partitions]place
}

// place is where a partition is subscribed.
type place struct {
	at   *link // nil: nowhere
	lost bool  // it was subscribed, and no longer is
}

type link struct {
	c       rueidis.DedicatedClient
	release func()
	broken  atomic.Bool
	ended   [partitions]atomic.Bool // the server has ended a subscription that was not given up
}

// subscribe makes joins and leaves, and subscribes partitions again that have moved. It returns the calls that are not
// done, and then an error.
func (l *links) subscribe(ctx context.Context, client rueidis.Client, calls []subscription) (left []subscription, err error) {
	l.drop()
	shards := sharded(client)
	of := map[int][]subscription{}
	for _, call := range calls {
		p := 0
		if shards {
			p = partitionOf(call.channel)
		}
		of[p] = append(of[p], call)
	}
	owners := make([]string, 1)
	if shards {
		if owners, err = ownersOf(ctx, client, l.bus.prefix); err != nil {
			return calls, err
		}
	}
	var errs []error
	lost := false
	for p := range owners {
		calls, was := of[p], &l.of[p]
		if was.at != nil && !was.lost && len(calls) == 0 {
			continue
		}
		again := was.lost
		if err := l.subscribePartition(ctx, client, owners[p], p, calls); err != nil {
			left, errs = append(left, calls...), append(errs, err)
			continue
		}
		lost = lost || again
		for _, call := range calls {
			close(call.done)
		}
	}
	if lost {
		l.bus.arrivals.Lose()
	}
	return left, errors.Join(errs...)
}

// subscribePartition makes the calls of a partition, or joins all of its channels again.
func (l *links) subscribePartition(ctx context.Context, client rueidis.Client, owner string, p int, calls []subscription) error {
	was := &l.of[p]
	if was.at == nil { // all joined channels, including those of calls
		var all []subscription
		for _, channel := range l.bus.joins.in(p, sharded(client)) {
			all = append(all, subscription{channel: channel, join: true})
		}
		if calls = all; len(calls) == 0 {
			was.lost = false
			return nil
		}
	}
	at, err := l.link(client, owner)
	if err == nil {
		at.ended[p].Store(false)
		err = at.do(ctx, l.bus, calls, sharded(client))
	}
	switch {
	case err == nil:
		*was = place{at: at}
	case was.at != nil:
		*was = place{lost: true}
	}
	if bad, ok := rueidis.IsRedisErr(err); err != nil && at != nil && (!ok || !isMoved(bad)) {
		at.broken.Store(true)
	}
	return err
}

func isMoved(err *rueidis.RedisError) bool {
	_, moved := err.IsMoved()
	return moved || err.IsClusterDown() || err.IsTryAgain()
}

// drop closes broken connections, and notes which partitions are no longer subscribed.
func (l *links) drop() {
	for p := range l.of {
		if at := l.of[p].at; at != nil && (at.broken.Load() || at.ended[p].Load()) {
			l.of[p] = place{lost: true}
		}
	}
	for owner, at := range l.at {
		if at.broken.Load() {
			at.close()
			delete(l.at, owner)
		}
	}
}

func (l *links) close() {
	for _, at := range l.at {
		at.close()
	}
}

func (at *link) close() {
	at.c.Close()
	at.release()
}

// link returns the connection to a server, and creates it if there is none.
func (l *links) link(client rueidis.Client, owner string) (*link, error) {
	if at := l.at[owner]; at != nil {
		return at, nil
	}
	node := client.Nodes()[owner]
	if owner == "" {
		node = anyNode(client)
	}
	if node == nil {
		return nil, fmt.Errorf("the Cluster has a server at %s to which there is no connection yet", owner)
	}
	at := &link{}
	at.c, at.release = node.Dedicate()
	broken := at.c.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: l.bus.received, OnSubscription: func(s rueidis.PubSubSubscription) {
		if s.Kind != "sunsubscribe" {
			return
		}
		if channel := l.bus.channelOf(s.Channel); l.bus.joins.has(channel) { // the slot has moved
			at.ended[partitionOf(channel)].Store(true)
			l.bus.change()
		}
	}})
	l.at[owner] = at
	go func() {
		<-broken // even when it is closed
		at.broken.Store(true)
		l.bus.change()
	}()
	return at, nil
}

func (b *Bus) change() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// maxPipelined calls are sent at once.
const maxPipelined = 512

// do makes calls and returns when Redis has confirmed all of them.
func (at *link) do(ctx context.Context, b *Bus, calls []subscription, sharded bool) error {
	for len(calls) > 0 {
		some := calls[:min(maxPipelined, len(calls))]
		calls = calls[len(some):]
		var commands []rueidis.Completed
		for n := 0; len(some) > 0; some = some[n:] { // those of a kind in a row are one command
			var names []string
			for n = 0; n < len(some) && some[n].join == some[0].join; n++ {
				names = append(names, b.name(some[n].channel, sharded))
			}
			commands = append(commands, at.command(some[0].join, sharded, names))
		}
		for _, r := range at.c.DoMulti(ctx, commands...) {
			if err := r.Error(); err != nil {
				return fmt.Errorf("subscribe: %w", err)
			}
		}
	}
	return nil
}

// command subscribes to names, or unsubscribes.
func (at *link) command(join, sharded bool, names []string) rueidis.Completed {
	switch b := at.c.B(); {
	case sharded && join:
		return b.Ssubscribe().Channel(names...).Build()
	case sharded:
		return b.Sunsubscribe().Channel(names...).Build()
	case join:
		return b.Subscribe().Channel(names...).Build()
	default:
		return b.Unsubscribe().Channel(names...).Build()
	}
}

// ownersOf asks a Cluster which server has the slot of each partition.
func ownersOf(ctx context.Context, client rueidis.Client, prefix string) ([]string, error) {
	ranges, err := client.Do(ctx, client.B().ClusterSlots().Build()).ToArray()
	if err != nil {
		return nil, fmt.Errorf("ask which server has which slot: %w", err)
	}
	owners := make([]string, partitions)
	for _, r := range ranges {
		part, err := r.ToArray()
		if err != nil || len(part) < 3 {
			return nil, unexpected(err)
		}
		from, err1 := part[0].AsInt64()
		to, err2 := part[1].AsInt64()
		master, err3 := part[2].ToArray()
		if err := errors.Join(err1, err2, err3); err != nil || len(master) < 2 {
			return nil, unexpected(err)
		}
		host, err1 := master[0].ToString()
		port, err2 := master[1].AsInt64()
		if err := errors.Join(err1, err2); err != nil {
			return nil, unexpected(err)
		}
		for p := range owners {
			if at := int64(slot(prefix + "{chat" + strconv.Itoa(p) + "}")); from <= at && at <= to {
				owners[p] = net.JoinHostPort(host, strconv.FormatInt(port, 10))
			}
		}
	}
	return owners, nil
}
