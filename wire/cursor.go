package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/parley-server/parley"
)

// Absent reports whether a query parameter counts as missing: empty, or what simple web pages send
// for a variable without a value.
func Absent(s string) bool { return s == "" || s == "undefined" || s == "null" }

// ParseID parses a cursor or an id. Numbers beyond its range are clamped to it, so a negative
// number becomes 0. The error is CodeBadCursor.
func ParseID(name, s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		err = nil // n is the nearest
	}
	if err != nil && !strings.ContainsAny(s, "xX_") { // 42.0 or 1e30, as written by some languages
		f, ferr := strconv.ParseFloat(s, 64)
		if f == math.Trunc(f) && (ferr == nil || errors.Is(ferr, strconv.ErrRange)) {
			n, err = int64(max(min(f, 1<<62), 0)), nil
		}
	}
	if err != nil {
		return 0, badCursor("%s=%.40q is not an id", name, s)
	}
	return max(n, 0), nil
}

func badCursor(format string, args ...any) error {
	return &parley.Error{Code: parley.CodeBadCursor, Detail: fmt.Sprintf(format, args...),
		Hint: "send the last id you have seen, 0 for everything that is kept; for several channels A:42,B:7"}
}

// Position is a cursor in one channel among several.
type Position struct {
	Channel parley.ChannelID
	ID      int64
}

// ParseCursor parses a cursor for several channels, A:42,B:7. Names may contain colons; the last
// colon of each part counts.
func ParseCursor(s string) ([]Position, error) {
	var ps []Position
	for part := range strings.SplitSeq(s, ",") {
		i := strings.LastIndexByte(part, ':')
		if i < 0 {
			return nil, badCursor("the cursor %.40q has no channel", part)
		}
		id, err := ParseID("cursor", part[i+1:])
		if err != nil {
			return nil, err
		}
		channel, err := parley.ParseChannel(part[:i])
		if err != nil {
			return nil, err
		}
		ps = append(ps, Position{channel, id})
	}
	return ps, nil
}

// AppendPosition appends one part of such a cursor, after a comma if it is not the first.
func AppendPosition(dst []byte, first bool, channel parley.ChannelID, id int64) []byte {
	if !first {
		dst = append(dst, ',')
	}
	dst = append(append(dst, channel...), ':')
	return strconv.AppendInt(dst, id, 10)
}

// Number is a whole number in a frame or body: a JSON number, or a string that contains one. null,
// "" and "undefined" count as absent. Any other value is an error only when Get is called, so that
// the rest of the object is still read.
type Number struct {
	set bool
	n   int64
	err error
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(b []byte) error {
	s := string(b)
	if b[0] == '"' {
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
	}
	*n = Number{}
	if !Absent(s) {
		n.set = true
		n.n, n.err = ParseID("the number", s)
	}
	return nil
}

// Get returns the number, nil if it is absent. The error is CodeBadCursor.
func (n Number) Get() (*int64, error) {
	if !n.set || n.err != nil {
		return nil, n.err
	}
	return &n.n, nil
}
