package codec

import (
	"errors"
	"reflect"
	"testing"

	"github.com/parley-server/parley"
)

func someEnvelope() parley.Envelope {
	target := parley.Message{ID: 3, Channel: "room", User: "alice", Text: "\x00\xff \u2028", Time: 5, Count: 3, Edited: true,
		Reactions: []parley.Reaction{{Emoji: "👍", Count: 2, Users: []parley.UserID{"a", "b"}}}}
	return parley.Envelope{Node: "n1", Epoch: "e1", Channel: "room", Head: 1 << 62, Messages: []parley.Message{
		{ID: 7, Channel: "room", User: "bob", Name: "Bob", Text: "hi", Data: []byte(`{"a":1}`), Thread: 3, Key: "k", Join: true,
			Time: 6, Count: 6},
		{ID: 8, Channel: "room", User: "alice", Time: 7, Count: 6, Change: parley.ChangeEdit, Of: 3, Target: &target},
		{ID: 9, Channel: "room", Deleted: true}},
		Event: &parley.Event{Name: "typing", Object: []byte(`{"type":"typing"}`), Skip: "bob", Presence: true}, Seq: 1 << 63}
}

func TestEnvelopeRoundTrip(t *testing.T) {
	for _, want := range []parley.Envelope{someEnvelope(), {Channel: "c"}, {Channel: "c", Event: &parley.Event{}}} {
		got, err := DecodeEnvelope(want.Channel, string(AppendEnvelope(nil, &want)))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v, %v; want %+v", got, err, want)
		}
	}
}

func TestUnknownFieldsAreSkipped(t *testing.T) {
	want := someEnvelope()
	e := Encoder{AppendEnvelope(nil, &want)}
	e.Number(100, -7)
	e.Text(1000, "later")
	e.Nested(99, func(in *Encoder) { in.Text(1, "x") })
	if got, err := DecodeEnvelope("room", string(e.B)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v; want %+v", got, err, want)
	}
}

func TestEnvelopeOfLaterVersionIsRefused(t *testing.T) {
	e := someEnvelope()
	b := AppendEnvelope(nil, &e)
	b[0]++
	if _, err := DecodeEnvelope("room", string(b)); !errors.Is(err, ErrNewer) {
		t.Errorf("error %v", err)
	}
}

func TestDamagedEnvelopeIsAnError(t *testing.T) {
	e := someEnvelope()
	b := AppendEnvelope(nil, &e)
	if _, err := DecodeEnvelope("room", string(b[:len(b)-1])); !errors.Is(err, ErrDamaged) {
		t.Errorf("error %v", err)
	}
	if _, err := DecodeEnvelope("room", ""); !errors.Is(err, ErrDamaged) {
		t.Errorf("error %v", err)
	}
}

func FuzzEnvelope(f *testing.F) {
	e := someEnvelope()
	f.Add(string(AppendEnvelope(nil, &e)))
	f.Add("")
	f.Add("\x01\x09\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Fuzz(func(t *testing.T, s string) {
		env, err := DecodeEnvelope("room", s)
		if err != nil {
			return
		}
		again, err := DecodeEnvelope("room", string(AppendEnvelope(nil, &env)))
		if err != nil || len(again.Messages) != len(env.Messages) || again.Head != env.Head || again.Node != env.Node {
			t.Errorf("%+v is read again as %+v, %v", env, again, err)
		}
	})
}
