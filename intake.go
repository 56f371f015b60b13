package parley

import "context"

// Intake reads the records that other systems have put into the partitions of a topic. The nodes of one system share
// the partitions: one node at a time reads each, except briefly while one node takes over from another.
type Intake interface {
	// Run reads, and reconnects, until ctx ends; then it returns nil. It runs once.
	Run(ctx context.Context, h IntakeHandler) error
}

// IntakeHandler receives what an Intake reads. Calls for different partitions may be concurrent. The handler stores the
// position of each partition: an Intake keeps none.
type IntakeHandler interface {
	// From returns the offset from which a partition is read; known is false to read from the first
	// kept record.
	From(ctx context.Context, topic string, partition int32) (offset int64, known bool, err error)
	// Take processes records of one partition, in their order, and returns when all are processed, or ctx has
	// ended.
	Take(ctx context.Context, records []Record) error
}

// Record is a record that another system has put into a topic.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       string // the channel
	Value     []byte // a message in the format of a POST body
}
