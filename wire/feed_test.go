package wire_test

import (
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/wire"
)

func TestFeedIsForOtherSystems(t *testing.T) {
	for want, e := range map[string]parley.Envelope{
		"": {Channel: "room", Event: &parley.Event{Name: "typing", Object: []byte("{}")}},
		`{"channel":"room","messages":[],"last_id":9,"epoch":"e1"}`: {Channel: "room", Epoch: "e1", Head: 9},
		`{"channel":"room","messages":[{"type":"message","id":8,"channel":"room","user":"al","text":"hi","timestamp":1.000000}],` +
			`"last_id":8,"epoch":"e1"}`: {Node: "n", Channel: "room", Epoch: "e1", Head: 8,
			Messages: []parley.Message{{ID: 8, Channel: "room", User: "al", Text: "hi", Time: 1_000_000, Count: 3, Join: true}}},
	} {
		if got := string(wire.Feed(nil, &e)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := wire.Feed(nil, &parley.Envelope{Channel: "$control", Head: 1}); got != nil {
		t.Errorf("the server's own channel: %s", got)
	}
}
