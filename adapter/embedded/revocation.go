package embedded

import (
	"context"
	"fmt"

	"github.com/parley-server/parley"
)

func revocationKey(user parley.UserID) []byte { return append([]byte{'v'}, user...) }

// Revoke implements parley.Revocations. It shares its sync with appends.
func (l *Log) Revoke(ctx context.Context, user parley.UserID, until parley.Timestamp) error {
	err := l.submit(ctx, &request{size: 64, do: func(b *build) error {
		if err := l.refusal(true); err != nil {
			return err
		}
		was, _, err := row(b.getter(), revocationKey(user), decodeID)
		if err != nil || was >= int64(until) {
			return err
		}
		must(b.batch.Set(revocationKey(user), encodeID(int64(until)), nil))
		return nil
	}})
	if err != nil {
		return fmt.Errorf("revoke the tokens of %s: %w", user, err)
	}
	return nil
}

// Revoked implements parley.Revocations.
func (l *Log) Revoked(ctx context.Context, user parley.UserID) (at parley.Timestamp, err error) {
	err = l.inside(ctx, func() error {
		v, _, err := row(l.getter(), revocationKey(user), decodeID)
		at = parley.Timestamp(v)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("revocations of %s: %w", user, err)
	}
	return at, nil
}
