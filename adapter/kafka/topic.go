package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	feedPartitions = 8
	retention      = "3600000" // ms: longer than nodes, and perhaps other systems, are behind
)

// topic is one as it is now.
type topic struct {
	id         [16]byte // another when it was made again
	partitions int32
}

// describe says what topics are; one that does not exist has no partitions.
func describe(ctx context.Context, cl *kgo.Client, names ...string) (map[string]topic, error) {
	req := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	res, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	found := map[string]topic{}
	for _, t := range res.Topics {
		switch err := kerr.ErrorForCode(t.ErrorCode); {
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			found[*t.Topic] = topic{}
		case err != nil:
			return nil, fmt.Errorf("look at the topic %s: %w", *t.Topic, err)
		default:
			found[*t.Topic] = topic{t.TopicID, int32(len(t.Partitions))}
		}
	}
	return found, nil
}

// makeTopic makes a topic unless it exists, and waits until it has partitions.
func makeTopic(ctx context.Context, cl *kgo.Client, name string, partitions int32) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, -1
	c := kmsg.NewCreateTopicsRequestTopicConfig()
	c.Name, c.Value = "retention.ms", kmsg.StringPtr(retention)
	t.Configs = append(t.Configs, c)
	req.Topics, req.TimeoutMillis = append(req.Topics, t), int32(answerTime.Milliseconds())
	res, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	for _, t := range res.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("make the topic %s: %w", name, err)
		}
	}
	return nil
}

// ends are the offsets that the next records of a topic will have.
func ends(ctx context.Context, cl *kgo.Client, name string, partitions int32) (map[int32]kgo.Offset, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = name
	for i := range partitions {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = i, -1
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	res, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	found := map[int32]kgo.Offset{}
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("find the end of %s/%d: %w", name, p.Partition, err)
			}
			found[p.Partition] = kgo.NewOffset().At(p.Offset)
		}
	}
	if int32(len(found)) != partitions {
		return nil, fmt.Errorf("find the ends of %s: of %d partitions %d answered", name, partitions, len(found))
	}
	return found, nil
}
