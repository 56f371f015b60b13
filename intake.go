package parley

import "context"

// Intake reads records that other systems have put into the partitions of a topic. The nodes of one system share the
// partitions: each is read by one of them at a time, but for moments in which one takes over from another.
type Intake interface {
	// Run reads, and reconnects, until ctx ends; then it returns nil. It runs once.
	Run(ctx context.Context, h IntakeHandler) error
}

// IntakeHandler takes what an Intake reads. Calls for different partitions may come at the same time. The position of a
// partition is the handler's business: an Intake keeps none.
type IntakeHandler interface {
	// From is the offset from which a partition is read; false: from the first record that is kept.
	From(ctx context.Context, topic string, partition int32) (offset int64, known bool, err error)
	// Take takes records of one partition, in their order, and returns when all are done with, or ctx has ended.
	Take(ctx context.Context, records []Record) error
}

// Record is one that another system has put into a topic.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       string // the channel
	Value     []byte // a message as a POST has it
}
