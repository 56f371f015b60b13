package redis

import (
	"errors"
	"reflect"
	"testing"

	"parley"
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

func TestEnvelopeIsReadAsItWasWritten(t *testing.T) {
	for _, want := range []parley.Envelope{someEnvelope(), {Channel: "c"}, {Channel: "c", Event: &parley.Event{}}} {
		got, err := decodeEnvelope(want.Channel, string(appendEnvelope(nil, &want)))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v, %v; want %+v", got, err, want)
		}
	}
}

func TestUnknownFieldsAreSkipped(t *testing.T) {
	want := someEnvelope()
	e := encoder{appendEnvelope(nil, &want)}
	e.number(100, -7)
	e.text(1000, "later")
	e.nested(99, func(in *encoder) { in.text(1, "x") })
	if got, err := decodeEnvelope("room", string(e.b)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v; want %+v", got, err, want)
	}
}

func TestEnvelopeOfLaterVersionIsRefused(t *testing.T) {
	e := someEnvelope()
	b := appendEnvelope(nil, &e)
	b[0]++
	if _, err := decodeEnvelope("room", string(b)); !errors.Is(err, errNewer) {
		t.Errorf("error %v", err)
	}
}

func TestDamagedEnvelopeIsAnError(t *testing.T) {
	e := someEnvelope()
	b := appendEnvelope(nil, &e)
	if _, err := decodeEnvelope("room", string(b[:len(b)-1])); !errors.Is(err, errDamaged) {
		t.Errorf("error %v", err)
	}
	if _, err := decodeEnvelope("room", ""); !errors.Is(err, errDamaged) {
		t.Errorf("error %v", err)
	}
}

func FuzzEnvelope(f *testing.F) {
	e := someEnvelope()
	f.Add(string(appendEnvelope(nil, &e)))
	f.Add("")
	f.Add("\x01\x09\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Fuzz(func(t *testing.T, s string) {
		env, err := decodeEnvelope("room", s)
		if err != nil {
			return
		}
		again, err := decodeEnvelope("room", string(appendEnvelope(nil, &env)))
		if err != nil || len(again.Messages) != len(env.Messages) || again.Head != env.Head || again.Node != env.Node {
			t.Errorf("%+v is read again as %+v, %v", env, again, err)
		}
	})
}
