package parley

import (
	"fmt"
	"strings"
)

// MaxName is the longest name of a channel or a user, in bytes.
const MaxName = 128

// Guest is the user of a caller without a user name. A guest reads and posts, and has neither
// presence nor unread counts; a guest's keys belong to the channel.
const Guest UserID = "guest"

// ChannelID names a channel: 1–128 bytes of A-Z a-z 0-9 . _ - : @, neither "."
// nor "..". A leading @ marks the one channel that belongs to a user.
type ChannelID string

// UserID names a user, in the grammar of a channel but without a leading @, and
// never the word "channel".
type UserID string

// ParseChannel checks a channel's name and returns a copy, which does not refer to the request.
// The error is an *Error with CodeBadChannel and the name.
func ParseChannel(s string) (ChannelID, error) {
	rest := s
	if len(rest) > 0 && rest[0] == '@' {
		rest = rest[1:]
	}
	if why := badName(rest); why != "" { // rest, so that each user has a channel
		return "", &Error{Code: CodeBadChannel, Channel: ChannelID(s), Detail: fmt.Sprintf("the channel name %s %s", quote(s), why),
			Hint: "use 1–128 of A-Z a-z 0-9 . _ - : @, not beginning with @"}
	}
	c := ChannelID(strings.Clone(s))
	if _, _, n := c.pairs(); n > 1 {
		return "", &Error{Code: CodeBadChannel, Channel: c,
			Detail: fmt.Sprintf("the direct channel %s can be of several pairs of users", quote(s)),
			Hint:   "users whose names have colons need a channel of another name"}
	}
	return c, nil
}

// Owner returns the user to whom a channel of the form @user belongs.
func (c ChannelID) Owner() (UserID, bool) {
	if len(c) > 1 && c[0] == '@' {
		return UserID(c[1:]), true
	}
	return "", false
}

// Direct returns the two users of a direct channel, dm:alice:bob, in their order. A name that
// can be split in two ways belongs to no users.
func (c ChannelID) Direct() (a, b UserID, ok bool) {
	a, b, n := c.pairs()
	return a, b, n == 1
}

// pairs returns the last of the pairs of users whose direct channel the name can be, and how
// many there are.
func (c ChannelID) pairs() (a, b UserID, n int) {
	rest, ok := strings.CutPrefix(string(c), "dm:")
	if !ok {
		return "", "", 0
	}
	for i := 1; i < len(rest); i++ {
		if left, right := rest[:i], rest[i+1:]; rest[i] == ':' && left < right && badUser(left) == "" && badUser(right) == "" {
			a, b, n = UserID(left), UserID(right), n+1
		}
	}
	return a, b, n
}

// Internal reports whether the channel is the server's own, which no client can name.
func (c ChannelID) Internal() bool { return c[0] == '$' }

// ParseUser checks a user's name and returns a copy. The error is an *Error with CodeBadRequest.
func ParseUser(s string) (UserID, error) {
	if why := badUser(s); why != "" {
		return "", &Error{Code: CodeBadRequest, Detail: fmt.Sprintf("the user name %s %s", quote(s), why),
			Hint: "use 1–128 of A-Z a-z 0-9 . _ - : @, not beginning with @, and not the word channel"}
	}
	return UserID(strings.Clone(s)), nil
}

// MaxDeviceID is the longest name of a device, in bytes.
const MaxDeviceID = 64

// ParseDeviceID checks a client's name for one of its user's devices and returns a copy. The error is an *Error with CodeBadRequest.
func ParseDeviceID(s string) (string, error) {
	why := badName(s)
	if why == "" && len(s) > MaxDeviceID {
		why = "is longer than 64 bytes"
	}
	if why != "" {
		return "", &Error{Code: CodeBadRequest, Detail: fmt.Sprintf("the device's name %s %s", quote(s), why),
			Hint: "use 1–64 of A-Z a-z 0-9 . _ - : @, not beginning with @"}
	}
	return strings.Clone(s), nil
}

// badUser describes what is wrong with s as a user's name, "" if nothing is.
func badUser(s string) string {
	if s == string(Everybody) {
		return "is a reserved word"
	}
	return badName(s)
}

// badName describes what is wrong with s as a name, "" if nothing is.
func badName(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > MaxName:
		return "is longer than 128 bytes"
	case s == "." || s == "..":
		return "means a folder"
	case s[0] == '@':
		return "begins with @"
	}
	for i := 0; i < len(s); i++ {
		if !inName(s[i]) {
			return "has a character that names can't have"
		}
	}
	return ""
}

// inName reports whether names may contain the byte.
func inName(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	default:
		return c == '.' || c == '_' || c == '-' || c == ':' || c == '@'
	}
}

// quote shows a stranger's text in an error: short, and escaped.
func quote(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return fmt.Sprintf("%q", s)
}
