package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"parley"
)

// What became of a draft (lua/append.lua, lua/change.lua).
const (
	statusStored = iota
	statusDuplicate
	statusNoThread
	statusNoMessage
	statusChanged
)

// answer is what a script says of one draft.
type answer struct {
	status      int64
	id          int64
	time        parley.Timestamp
	count, root int64
}

// patience is how long a batch whose answer was lost is sent again.
const patience = 3 * time.Second

// batch calls a script that appends. Redis keeps the number of a node's last batch in a channel, with its answer, so that
// one whose answer is lost is sent again, and a copy that was under way does no harm. Errors: ErrUnknown; else nothing is stored.
func (s *Store) batch(ctx context.Context, script *script, channel parley.ChannelID, args []string) ([]answer, string, error) {
	give, err := s.turns.take(ctx, channel)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", parley.ErrUnknown, err)
	}
	defer give()
	args = append([]string{s.node, strconv.FormatInt(s.numbers.Add(1), 10)}, args...)
	var since time.Time // an answer was lost
	for try := 0; ; try++ {
		ms, epoch, err := s.run(ctx, call{script, channel, args})
		switch {
		case err == nil:
			answers, err := answersOf(ms[0])
			if err != nil {
				err = fmt.Errorf("%w: %w", parley.ErrUnknown, err)
			}
			return answers, epoch, err
		case errors.Is(err, parley.ErrClosed) && since.IsZero():
			return nil, "", err
		case since.IsZero() && unsent(err):
			return nil, "", fmt.Errorf("%w: %w", parley.ErrUnavailable, err)
		case since.IsZero():
			since = time.Now()
		}
		if ctx.Err() != nil || time.Since(since) > patience || errors.Is(err, parley.ErrClosed) {
			return nil, "", fmt.Errorf("%w: %w", parley.ErrUnknown, err)
		}
		pause(ctx, try)
	}
}

// refusals begin the errors of a server that did not do what it was asked.
var refusals = []string{"OOM", "LOADING", "READONLY", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "BUSY", "MISCONF", "NOAUTH", "NOPERM",
	"WRONGPASS", "TRYAGAIN"}

// unsent reports whether err says that nothing was done.
func unsent(err error) bool {
	if e, ok := rueidis.IsRedisErr(err); ok {
		return slices.ContainsFunc(refusals, func(r string) bool { return strings.HasPrefix(e.Error(), r) })
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

func answersOf(m rueidis.RedisMessage) (answers []answer, err error) {
	s, err := m.ToString()
	if err != nil {
		return nil, err
	}
	ns, err := integers(strings.Fields(s)) // "late" is none either: a later batch of this node was made
	if err != nil || len(ns)%5 != 0 {
		return nil, errAnswer
	}
	for ; len(ns) > 0; ns = ns[5:] {
		answers = append(answers, answer{ns[0], ns[1], parley.Timestamp(ns[2]), ns[3], ns[4]})
	}
	return answers, nil
}
