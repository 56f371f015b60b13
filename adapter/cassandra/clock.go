package cassandra

import (
	"context"
	"fmt"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/parley-server/parley"
)

// clockSkew is how far the clocks of nodes and servers may differ. A plain write to rows that conditional batches have stamped with
// a server's clock has a timestamp that is later by it; each kind of write that must win over another by once more.
const clockSkew = time.Minute

// clockPatience is the longest response time with which the clocks are compared.
const clockPatience = 5 * time.Second

// compareClocks asks a server for its time. If this node's clock differs by more than clockSkew, entries are stamped with
// the server's from then on.
func (s *Store) compareClocks(ctx context.Context) error {
	if !s.compares {
		return nil
	}
	before := s.cfg.wall()
	var at int64
	err := s.session.Query(`SELECT toUnixTimestamp(now()) FROM system.local`).Consistency(gocql.One).ScanContext(ctx, &at)
	if err != nil {
		return fmt.Errorf("ask for the time: %w", err)
	}
	took := s.cfg.wall().Sub(before)
	if took < 0 || took > clockPatience {
		return nil
	}
	skew := time.UnixMilli(at).Sub(before.Add(took / 2))
	if skew.Abs() <= clockSkew {
		skew = 0
	}
	s.skew.Store(int64(skew))
	return nil
}

// Skew returns how far the clock of Cassandra is ahead of this node's, 0 if they differ by less than a
// minute.
func (s *Store) Skew() time.Duration { return time.Duration(s.skew.Load()) }

func (s *Store) skewed() error {
	skew := s.Skew()
	if skew == 0 {
		return nil
	}
	return fmt.Errorf("the clock of this node is %v off that of Cassandra, by which messages are stamped now: synchronize the clocks",
		-skew.Round(time.Second))
}

// now is the clock that stamps and expires entries.
func (s *Store) now() parley.Timestamp {
	return parley.Timestamp(s.cfg.Clock().Add(s.Skew()).UnixMicro())
}

// clockOf returns the timestamp of a plain write that must win over writes that servers have
// stamped.
func (s *Store) clockOf(order int64) parley.Timestamp {
	return parley.Timestamp(s.cfg.wall().Add(s.Skew()).UnixMicro() + order*clockSkew.Microseconds())
}
