// Package exactjson reads JSON objects by the exact names of their fields. encoding/json alone also
// accepts "User" for user, and the last of two duplicates; so a signed claim or a sender could be
// overridden by a field that other code did not check.
package exactjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// ErrDuplicate is the error for an object that contains a field of its struct twice.
type ErrDuplicate struct{ Name string }

func (e *ErrDuplicate) Error() string { return fmt.Sprintf("the field %q stands there twice", e.Name) }

// Unmarshal is json.Unmarshal for a pointer to a struct, except that a field matches only its exact
// name: the name in its tag, or its own name in lower case. Fields that the struct does not have
// are ignored, even if duplicated. For other values it is json.Unmarshal.
func Unmarshal(b []byte, v any) error {
	names := namesOf(reflect.TypeOf(v))
	if len(names) == 0 {
		return json.Unmarshal(b, v)
	}
	seen := uint64(0)
	var double error
	b = blank(b, func(name string) bool {
		if i := slices.Index(names, name); i >= 0 {
			if seen&(1<<i) != 0 && double == nil {
				double = &ErrDuplicate{name}
			}
			seen |= 1 << i
			return false
		}
		return slices.ContainsFunc(names, func(known string) bool { return strings.EqualFold(name, known) })
	})
	if err := json.Unmarshal(b, v); err != nil {
		return err
	}
	return double
}

// Without returns an object without the fields of that name, as any struct would match them.
func Without(b []byte, name string) []byte {
	return blank(b, func(n string) bool { return n == name })
}

// blank returns b with the names of some fields overwritten. b itself is not changed. On invalid
// JSON it may stop early: json.Unmarshal finds the same error.
func blank(b []byte, gone func(name string) bool) []byte {
	original, level, key := true, 0, false
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			level++
			key = level == 1 && b[i] == '{'
		case '}', ']':
			level--
		case ',':
			key = level == 1
		case '"':
			end := i + 1
			for end < len(b) && b[end] != '"' {
				if b[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(b) {
				return b
			}
			if key && gone(unquote(b[i:end+1])) {
				if original {
					b, original = bytes.Clone(b), false
				}
				for j := i + 1; j < end; j++ {
					b[j] = '_'
				}
			}
			key, i = false, end
		}
	}
	return b
}

func unquote(quoted []byte) (s string) {
	if !bytes.ContainsRune(quoted, '\\') {
		return string(quoted[1 : len(quoted)-1])
	}
	_ = json.Unmarshal(quoted, &s) // any error is found again later
	return s
}

var known sync.Map // reflect.Type → []string

// namesOf returns the names of a struct's fields, including those of embedded structs; at most 64.
func namesOf(t reflect.Type) []string {
	if t == nil || t.Kind() != reflect.Pointer {
		return nil
	}
	if names, ok := known.Load(t); ok {
		return names.([]string)
	}
	of := t.Elem()
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	names := appendNames(nil, of)
	if len(names) > 64 {
		panic(fmt.Sprintf("exactjson: %v has more than 64 fields", t))
	}
	known.Store(t, names)
	return names
}

func appendNames(names []string, t reflect.Type) []string {
	if t.Kind() != reflect.Struct {
		return names
	}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || f.Anonymous && name == "" || !f.IsExported():
		case name == "":
			names = append(names, strings.ToLower(f.Name))
		default:
			names = append(names, name)
		}
	}
	return names
}
