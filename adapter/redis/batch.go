package redis

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/backoff"
)

// The outcome of a draft that was not simply stored (lua/batch.lua).
const (
	excDuplicate = iota + 1
	excNoThread
	excNoMessage
	excChanged
	excThread
	excJoined
	excNoted // of the batch: lists in other slots must be updated
)

// answer is a script's result for a batch: the channel's head after it.
type answer struct {
	last, count int64
	time        parley.Timestamp // each entry's is a microsecond after that of the one before
	exceptions  []exception      // in the order of the drafts
}

// exception is the outcome of a draft that was not simply stored.
type exception struct {
	draft  int
	status byte
	value  int64
}

const (
	hotSize       = 1 + 3*8
	exceptionSize = 2 + 1 + 8
)

// number decodes a number that a script has packed.
func number(b string) int64 {
	var bits uint64
	for i := range 8 {
		bits = bits<<8 | uint64(b[i])
	}
	return int64(math.Float64frombits(bits))
}

// appendNumber packs a number for a script.
func appendNumber(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(b, math.Float64bits(float64(n)))
}

// nextNumber returns the number of a batch; numbers are ordered by their bytes.
func (s *Store) nextNumber() string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(s.numbers.Add(1))))
}

func answerOf(s string) (a answer, err error) {
	if len(s) < hotSize || (len(s)-hotSize)%exceptionSize != 0 { // "late" is none either: a later batch of this node was made
		return a, errAnswer
	}
	a = answer{last: number(s[1:]), time: parley.Timestamp(number(s[9:])), count: number(s[17:])}
	for s = s[hotSize:]; s != ""; s = s[exceptionSize:] {
		a.exceptions = append(a.exceptions, exception{int(s[0])<<8 | int(s[1]), s[2], number(s[3:])})
	}
	return a, nil
}

// patience is for how long a batch is sent again whose response was lost.
const patience = 3 * time.Second

// resend calls a script that appends until it has a response. Redis keeps the number of a node's last batch in a channel,
// with its result, so a batch whose response is lost can be sent again, and a copy in flight does no harm. Errors:
// ErrUnknown; else nothing is stored.
func (s *Store) resend(ctx context.Context, c call) (rueidis.RedisMessage, string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	lost := false // an answer was
	for try := 0; ; try++ {
		ms, epoch, err := s.run(ctx, c)
		switch {
		case err == nil:
			return ms[0], epoch, nil
		case errors.Is(err, parley.ErrClosed) && !lost:
			return rueidis.RedisMessage{}, "", err
		case !lost && errors.Is(err, parley.ErrUnavailable):
			return rueidis.RedisMessage{}, "", err
		case !lost && unsent(err):
			return rueidis.RedisMessage{}, "", fmt.Errorf("%w: %w", parley.ErrUnavailable, err)
		}
		lost = true
		if ctx.Err() != nil || errors.Is(err, errReplicas) || errors.Is(err, parley.ErrClosed) {
			return rueidis.RedisMessage{}, "", fmt.Errorf("%w: %w", parley.ErrUnknown, err)
		}
		backoff.Wait(ctx, min(try, 2))
	}
}

// refusals are prefixes of the errors of a server that did not execute a call.
var refusals = []string{"OOM", "LOADING", "READONLY", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "BUSY", "MISCONF", "NOAUTH", "NOPERM",
	"WRONGPASS", "TRYAGAIN"}

// unsent reports whether err means that nothing was done.
func unsent(err error) bool {
	if e, ok := rueidis.IsRedisErr(err); ok {
		return slices.ContainsFunc(refusals, func(r string) bool { return strings.HasPrefix(e.Error(), r) })
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
