package wire_test

import (
	"testing"

	"github.com/parley-server/parley/wire"
)

func TestFrameIsReadByExactNames(t *testing.T) {
	var f wire.Frame
	if err := wire.FormWS.UnmarshalFrame([]byte(`{"user":"alice","User":"mallory","text":"a","TEXT":"b"}`), &f); err != nil ||
		f.User != "alice" || f.Text != "a" {
		t.Errorf("%+v, %v", f, err)
	}
	if err := wire.FormWS.UnmarshalFrame([]byte(`{"user":"alice","user":"mallory","key":"k"}`), &f); err == nil || f.Key != "k" {
		t.Errorf("a frame with two users is taken: %v, key %q", err, f.Key)
	}
}

// Fields that a frame of this type does not have are ignored, whatever they contain.
func TestUnusedFieldsOfAFrameMayBeAnything(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"text":"a","token":5,"event":5,"users":{},"epoch":[],"state":1}`: true,
		`{"type":"typing","text":5,"data":1}`:                              true,
		`{"type":"ping","token":{"a":1},"users":[1]}`:                      true,
		`{"type":"event","event":5}`:                                       false,
		`{"type":"auth","token":5}`:                                        false,
		`{"text":5}`:                                                       false,
		`{"text":"a","user":5}`:                                            false,
		`{"token":5,"text":6}`:                                             false,
		`{"type":"watch","users":[1]}`:                                     false,
	} {
		var f wire.Frame
		if err := wire.FormWS.UnmarshalFrame([]byte(text), &f); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAPostIsReadByExactNames(t *testing.T) {
	var p wire.Post
	if err := wire.Unmarshal([]byte(`{"user":"alice","text":"x","User":"mallory","Key":"k"}`), &p); err != nil || p.User != "alice" ||
		p.Key != "" {
		t.Errorf("%+v, %v", p, err)
	}
	if wire.Unmarshal([]byte(`{"user":"alice","user":"mallory"}`), &p) == nil {
		t.Error("two users are taken")
	}
}
