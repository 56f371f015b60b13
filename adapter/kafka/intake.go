package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/backoff"
)

// Intake implements parley.Intake by a consumer group, which distributes the partitions of the topic among the nodes. The
// group commits no offsets: the handler returns the offset from which a partition is read.
type Intake struct {
	// fixed after construction
	options []kgo.Opt
	topic   string
	group   string
	ran     atomic.Bool
}

var _ parley.Intake = (*Intake)(nil)

const (
	maxTaken    = 1000            // records are passed to Take at a time
	sessionTime = 8 * time.Second // after which the partitions of a dead node are assigned to others
)

// NewIntake returns an Intake that is not connected yet.
func NewIntake(cfg Config) (*Intake, error) {
	opts, a, err := cfg.options()
	if err != nil {
		return nil, err
	}
	if a.Path == "" {
		return nil, errors.New("the URL of Kafka names no topic: use kafka://host:port/topic")
	}
	in := &Intake{options: opts, topic: a.Path, group: defaultGroup}
	if g := a.Options.Get("group"); g != "" {
		in.group = g
	}
	return in, nil
}

// Run implements parley.Intake.
func (in *Intake) Run(ctx context.Context, h parley.IntakeHandler) error {
	if in.ran.Swap(true) {
		return errors.New("an intake runs once")
	}
	cl, err := kgo.NewClient(append(in.options[:len(in.options):len(in.options)], kgo.ConsumerGroup(in.group), kgo.ConsumeTopics(in.topic),
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.SessionTimeout(sessionTime), kgo.HeartbeatInterval(sessionTime/4),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AdjustFetchOffsetsFn(func(run context.Context, from offsets) (offsets, error) { return positions(run, h, from) }))...)
	if err != nil {
		return fmt.Errorf("read the topic %s: %w", in.topic, err)
	}
	defer cl.CloseAllowingRebalance()
	for ctx.Err() == nil {
		fetches := cl.PollRecords(ctx, maxTaken)
		var taking sync.WaitGroup
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if len(p.Records) > 0 {
				taking.Go(func() { _ = h.Take(ctx, recordsOf(p.Records)) }) // an error says that ctx has ended
			}
		})
		taking.Wait()
		cl.AllowRebalance()
		if fetches.Err() != nil && len(fetches.Records()) == 0 { // such as a topic that does not exist yet
			backoff.Wait(ctx, 5)
		}
	}
	return nil
}

// offsets are those of partitions, by topic.
type offsets = map[string]map[int32]kgo.Offset

// positions are from where partitions are read that this node was just given.
func positions(ctx context.Context, h parley.IntakeHandler, from offsets) (offsets, error) {
	for topic, partitions := range from {
		for p := range partitions {
			for try := 0; ; try++ {
				at, known, err := h.From(ctx, topic, p)
				if err == nil {
					if partitions[p] = kgo.NewOffset().AtStart(); known {
						partitions[p] = kgo.NewOffset().At(at)
					}
					break
				}
				if !backoff.Wait(ctx, try) {
					return nil, err
				}
			}
		}
	}
	return from, nil
}

func recordsOf(all []*kgo.Record) []parley.Record {
	records := make([]parley.Record, len(all))
	for i, r := range all {
		records[i] = parley.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: string(r.Key), Value: r.Value}
	}
	return records
}
