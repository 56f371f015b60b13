package parley

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Timestamp is a time in microseconds since 1970 (UTC). On the wire it is a JSON number
// of seconds with exactly six decimals, so that the same entry has the same bytes
// everywhere. Within a channel timestamps rise strictly.
type Timestamp int64

// AppendText appends the wire form, such as 1774684800.123456.
func (t Timestamp) AppendText(dst []byte) []byte {
	if t < 0 {
		dst = append(dst, '-')
		t = -t
	}
	dst = strconv.AppendInt(dst, int64(t/1e6), 10)
	dst = append(dst, '.')
	frac := int64(t % 1e6)
	for div := int64(100000); div > 0; div /= 10 {
		dst = append(dst, byte('0'+frac/div%10))
	}
	return dst
}

// String returns the wire form.
func (t Timestamp) String() string { return string(t.AppendText(nil)) }

// MarshalJSON returns the wire form.
func (t Timestamp) MarshalJSON() ([]byte, error) { return t.AppendText(nil), nil }

// UnmarshalJSON reads any JSON number of seconds.
func (t *Timestamp) UnmarshalJSON(b []byte) (err error) {
	*t, err = ParseTimestamp(string(b))
	return err
}

// ParseTimestamp parses seconds since 1970 as a decimal number, rounded to the nearest
// microsecond. Plain decimals are parsed exactly, since a float64 is not exact. Numbers beyond
// the range of the type are clamped to it.
func ParseTimestamp(s string) (Timestamp, error) {
	whole, frac, _ := strings.Cut(s, ".")
	if len(frac) <= 6 && len(whole) <= 12 && digits(strings.TrimPrefix(whole, "-")) && (frac == "" || digits(frac)) {
		sec, _ := strconv.ParseInt(whole, 10, 64)
		us, _ := strconv.ParseInt(frac+"000000"[len(frac):], 10, 64)
		if strings.HasPrefix(whole, "-") {
			us = -us
		}
		return Timestamp(sec*1e6 + us), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if (err != nil && !math.IsInf(f, 0)) || math.IsNaN(f) || strings.ContainsAny(s, "xXpP_nN") {
		return 0, fmt.Errorf("%s is not a number of seconds", quote(s))
	}
	switch f = math.Round(f * 1e6); {
	case f >= math.MaxInt64:
		return math.MaxInt64, nil
	case f <= math.MinInt64:
		return math.MinInt64 + 1, nil
	}
	return Timestamp(f), nil
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
