package exactjson_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/parley-server/parley/internal/exactjson"
)

type inner struct {
	User string `json:"user"`
}

type object struct {
	inner
	Title *string
	Data  json.RawMessage `json:"data"`
	Kind  string          `json:"kind"`
}

func TestOnlyExactNamesCount(t *testing.T) {
	for text, user := range map[string]string{
		`{"user":"alice"}`:                                         "alice",
		`{"user":"alice","User":"mallory"}`:                        "alice",
		`{"USER":"mallory","user":"alice"}`:                        "alice",
		`{"uſer":"mallory"}`:                                       "",
		`{"\u0075ser":"alice","\u0055ser":"mallory"}`:              "alice",
		`{"data":{"user":"x","User":"y"},"user":"a"}`:              "a",
		`{"x":"user","user":"a","x":1,"X":2}`:                      "a",
		` { "other" : [ {"user":"b"} , "user" ] , "user" : "a" } `: "a",
		`{"user":"\"User\":"}`:                                     `"User":`,
	} {
		var o object
		if err := exactjson.Unmarshal([]byte(text), &o); err != nil || o.User != user {
			t.Errorf("%s names %q (%v), want %q", text, o.User, err, user)
		}
	}
}

func TestFieldWithoutATagHasItsNameInLowerCase(t *testing.T) {
	var o object
	if err := exactjson.Unmarshal([]byte(`{"title":"a","Title":"b"}`), &o); err != nil || o.Title == nil || *o.Title != "a" {
		t.Errorf("the title is %v (%v)", o.Title, err)
	}
}

func TestDuplicateIsRefused(t *testing.T) {
	for _, text := range []string{`{"user":"a","user":"b"}`, `{"user":null,"kind":"x",` +
		`"user":"b"}`, `{"user":"a","\u0075ser":"b"}`, `{"title":"a","title":"a"}`} {
		var o object
		if double := new(exactjson.ErrDuplicate); !errors.As(exactjson.Unmarshal([]byte(text), &o), &double) {
			t.Errorf("%s is taken", text)
		}
	}
}

func TestInputIsNotChanged(t *testing.T) {
	b := []byte(`{"User":"a"}`)
	if err := exactjson.Unmarshal(b, new(object)); err != nil || string(b) != `{"User":"a"}` {
		t.Errorf("%s, %v", b, err)
	}
}

func TestWithout(t *testing.T) {
	var o object
	if err := json.Unmarshal(exactjson.Without([]byte(`{"user":5,"kind":"k"}`), "user"), &o); err != nil || o.Kind != "k" {
		t.Errorf("%+v, %v", o, err)
	}
}

// Whatever Unmarshal accepts, json.Unmarshal accepts too, and whatever it rejects is a duplicate or
// is not JSON of that shape.
func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{`{"user":"a","User":"b"}`, `{"user":`, `{"\u00`, `[{"user":1}]`, `{"a":{"b":[1,"}"]},` +
		`"user":"\\"}`, `"`, `{"user":"a"}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var exact, folded object
		err, other := exactjson.Unmarshal(b, &exact), json.Unmarshal(b, &folded)
		if err == nil && exact.User != "" && other == nil && folded.User == "" {
			t.Errorf("%q: only the exact reader finds a user", b)
		}
		if syntax := new(json.SyntaxError); errors.As(other, &syntax) && err == nil {
			t.Errorf("%q is not JSON and is taken", b)
		}
	})
}
