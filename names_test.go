package parley_test

import (
	"strings"
	"testing"

	"github.com/parley-server/parley"
)

// The name of a direct channel belongs to one pair of users, or is refused wherever it is used.
func TestADirectNameThatFitsSeveralPairsIsRefused(t *testing.T) {
	for name, ok := range map[string]bool{
		"dm:alice:bob": true, "dm:a:b:c": false, "dm:a:b:c:d": false, "dm:b:a:c": true, "dm:a::b": true, "dm:a:b:": true, "dm:a:channel": true,
		"dm:a": true, "dm:": true, "room:a:b:c": true, "dma:b:c:d": true, "@dm:a:b:c": true,
	} {
		c, err := parley.ParseChannel(name)
		if (err == nil) != ok || err != nil && parley.AsError(err).Code != parley.CodeBadChannel {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, direct := c.Direct(); !ok && direct {
			t.Errorf("%s is a direct channel", name)
		}
	}
}

// A request may name several channels: the error says which one is invalid.
func TestBadChannelIsNamed(t *testing.T) {
	for _, name := range []string{"a b", "..", "@", "dm:a:b:c"} {
		_, err := parley.ParseChannel(name)
		if e := parley.AsError(err); e.Code != parley.CodeBadChannel || e.Channel != parley.ChannelID(name) {
			t.Errorf("%q: %v names %q", name, err, e.Channel)
		}
	}
}

// Each user has a channel, also one with the longest name.
func TestTheLongestUserHasAChannel(t *testing.T) {
	user := strings.Repeat("a", parley.MaxName)
	if c, err := parley.ParseChannel("@" + user); err != nil || string(c) != "@"+user {
		t.Errorf("%s, %v", c, err)
	}
	for _, name := range []string{"@" + user + "a", user + "a"} {
		if _, err := parley.ParseChannel(name); err == nil {
			t.Errorf("a channel of %d bytes", len(name))
		}
	}
}
