package nats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// First implements parley.Once: the key is a subject, which holds a message until its time has passed, and a second
// message is refused. They are stored on disk.
func (s *Store) First(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	ctx, cancel, err := s.begin(ctx)
	if err == nil {
		defer cancel()
		m := &nats.Msg{Subject: s.prefix + ".once.k" + token(key), Header: nats.Header{}}
		_, err = s.publish(ctx, m, jetstream.WithMsgTTL(ttl), jetstream.WithExpectLastSequencePerSubject(0))
	}
	if bad := (*jetstream.APIError)(nil); errors.As(err, &bad) &&
		(bad.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || bad.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("use a key once: %w", err)
	}
	return true, nil
}
