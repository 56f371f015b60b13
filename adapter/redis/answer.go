package redis

import (
	"errors"
	"strconv"

	"github.com/parley-server/parley"
)

// errAnswer: Redis returned something that no script of this release returns.
var errAnswer = errors.New("redis gave an answer that this version of parley does not know; is the prefix used by something else?")

// unexpected returns err, or errAnswer if there is none.
func unexpected(err error) error {
	if err == nil {
		return errAnswer
	}
	return err
}

// timestamp parses one that a script or the score of a sorted set returned.
func timestamp(s string) (parley.Timestamp, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return 0, errAnswer
		}
		n = int64(f)
	}
	return parley.Timestamp(n), nil
}
