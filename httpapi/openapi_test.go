package httpapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/wire"
)

// operations of a description: path, then method.
type operations map[string]map[string]bool

func (o operations) add(path, method string) {
	path = strings.NewReplacer("...}", "}", "{$}", "").Replace(path)
	if o[path] == nil {
		o[path] = map[string]bool{}
	}
	o[path][strings.ToLower(method)] = true
}

// served returns the operations of the route table.
func served() operations {
	found := operations{}
	for _, r := range new(API).routes() {
		for method := range r.methods {
			found.add(r.path, method)
		}
	}
	return found
}

func described(t *testing.T) (doc map[string]any, found operations) {
	t.Helper()
	if err := json.Unmarshal(description, &doc); err != nil {
		t.Fatal(err)
	}
	found = operations{}
	for path, item := range doc["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			found.add(path, method)
		}
	}
	return doc, found
}

func TestTheDescriptionHasEveryRouteAndNoOther(t *testing.T) {
	_, has := described(t)
	served := served()
	for _, path := range slices.Sorted(maps.Keys(served)) {
		if !maps.Equal(served[path], has[path]) {
			t.Errorf("%s is served for %v and described for %v", path, served[path], has[path])
		}
	}
	for path := range has {
		if served[path] == nil {
			t.Errorf("%s is described and not served", path)
		}
	}
}

func TestTheDescriptionIsServed(t *testing.T) {
	w := httptest.NewRecorder()
	if err := openAPI(w, nil); err != nil || !json.Valid(w.Body.Bytes()) || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%v, %s", err, w.Header())
	}
}

func TestExamplesSatisfyTheirSchemas(t *testing.T) {
	doc, _ := described(t)
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	examples := 0
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		list, _ := schemas[name].(map[string]any)["examples"].([]any)
		for _, example := range list {
			examples++
			if why := violates(doc, ref(name), example); why != "" {
				t.Errorf("an example of %s: %s", name, why)
			}
		}
	}
	if examples < 5 {
		t.Errorf("there are %d examples", examples)
	}
}

func TestAnswersSatisfyTheSchemas(t *testing.T) {
	doc, _ := described(t)
	full := parley.Message{ID: 42, Channel: "@al:ice", User: "bob", Name: "Bob", Text: "hello", Time: 1774684800123456,
		Key: "k", Thread: 41, Data: json.RawMessage(`{"a":1}`)}
	bare := parley.Message{ID: 1, Channel: "general", User: "guest", Text: "x", Time: 1}
	gone := httptest.NewRecorder()
	wire.WriteProblem(gone, &parley.Error{Code: parley.CodeCursorGone, Detail: "gone",
		Reset: &parley.Reset{Reason: "expired", First: 5, Last: 9}})
	old := httptest.NewRecorder()
	wire.WriteProblem(old, wire.ErrVersion)
	view, err := json.Marshal(channelView{Channel: "general", Kind: "public", Retention: &parley.Retention{Messages: 9}, FirstID: 1})
	if err != nil {
		t.Fatal(err)
	}
	here, err := json.Marshal(viewHere(parley.Occupancy{Count: 3, Users: []parley.Occupant{{User: "bob", Since: 5, Transports: 15},
		{User: "carol"}}}))
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := json.Marshal(viewHere(parley.Occupancy{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		schema string
		json   []byte
		good   bool
	}{
		{"Message", wire.AppendMessage(nil, &full), true},
		{"Message", wire.AppendMessage(nil, &bare), true},
		{"Reset", wire.Reset(nil, "general", &parley.Reset{Reason: "ahead", First: 1, Last: 2}), true},
		{"Problem", gone.Body.Bytes(), true},
		{"Problem", old.Body.Bytes(), true},
		{"Channel", view, true},
		{"Here", here, true},
		{"Here", nobody, true},
		{"Seen", []byte(`{"online":false}`), true},
		{"Message", []byte(`{"type":"message","id":1,"channel":"general","user":"bob","timestamp":1.5}`), false},
		{"Message", []byte(`{"type":"message","id":"1","channel":"general","user":"bob","timestamp":1.5,"text":"x"}`), false},
		{"Message", []byte(`{"type":"ack","id":1,"channel":"general","user":"bob","timestamp":1.5,"text":"x"}`), false},
		{"Problem", []byte(`{"type":"about:blank","title":"","status":400,"detail":"","code":"bad_luck"}`), false},
	} {
		var v any
		if err := json.Unmarshal(bytes.TrimSpace(c.json), &v); err != nil {
			t.Fatal(err)
		}
		if why := violates(doc, ref(c.schema), v); (why == "") != c.good {
			t.Errorf("%s as a %s: %q", c.json, c.schema, why)
		}
	}
	for code := range wire.Statuses {
		if why := violates(doc, ref("Code"), string(code)); why != "" {
			t.Errorf("the code %s: %s", code, why)
		}
	}
}

func ref(name string) map[string]any { return map[string]any{"$ref": "#/components/schemas/" + name} }

// violates describes how v differs from a schema, or returns "". It knows the part of
// JSON Schema that the description uses for answers.
func violates(doc, schema map[string]any, v any) string {
	if path, ok := schema["$ref"].(string); ok {
		var at any = doc
		for _, step := range strings.Split(strings.TrimPrefix(path, "#/"), "/") {
			at = at.(map[string]any)[step]
		}
		found, ok := at.(map[string]any)
		if !ok {
			return "there is no " + path
		}
		return violates(doc, found, v)
	}
	if want, ok := schema["const"]; ok && want != v {
		return "is not the one value it may have"
	}
	if all, ok := schema["enum"].([]any); ok && !slices.Contains(all, v) {
		return "is none of the values it may have"
	}
	if kind, ok := schema["type"].(string); ok && !isA(v, kind) {
		return "is no " + kind
	}
	if most, ok := schema["maxLength"].(float64); ok && len([]rune(v.(string))) > int(most) {
		return "is too long"
	}
	for _, either := range []string{"oneOf", "anyOf"} {
		if all, ok := schema[either].([]any); ok && !slices.ContainsFunc(all,
			func(s any) bool { return violates(doc, s.(map[string]any), v) == "" }) {
			return "is nothing of " + either
		}
	}
	if list, ok := v.([]any); ok {
		if items, ok := schema["items"].(map[string]any); ok {
			for i := range list {
				if why := violates(doc, items, list[i]); why != "" {
					return strconv.Itoa(i) + " " + why
				}
			}
		}
	}
	object, _ := v.(map[string]any)
	if required, ok := schema["required"].([]any); ok {
		for _, name := range required {
			if _, has := object[name.(string)]; !has {
				return name.(string) + " is missing"
			}
		}
	}
	if properties, ok := schema["properties"].(map[string]any); ok {
		for name, value := range object {
			described, ok := properties[name].(map[string]any)
			if !ok {
				return name + " is not described"
			}
			if why := violates(doc, described, value); why != "" {
				return name + " " + why
			}
		}
	}
	return ""
}

func isA(v any, kind string) bool {
	switch v := v.(type) {
	case string:
		return kind == "string"
	case float64:
		return kind == "number" || kind == "integer" && v == float64(int64(v))
	case bool:
		return kind == "boolean"
	case []any:
		return kind == "array"
	case map[string]any:
		return kind == "object"
	}
	return false
}
