package parley_test

import (
	"reflect"
	"testing"

	"github.com/parley-server/parley"
)

// Callers of an event need not check whether it is nil.
func TestNoEventIsNil(t *testing.T) {
	called := 0
	e := reflect.ValueOf(parley.Events{Reset: func(string) { called++ }}.Complete())
	for i := range e.NumField() {
		f := e.Field(i)
		if f.IsNil() {
			t.Errorf("%s is nil", e.Type().Field(i).Name)
			continue
		}
		args := make([]reflect.Value, f.Type().NumIn())
		for j := range args {
			args[j] = reflect.Zero(f.Type().In(j))
		}
		f.Call(args)
	}
	if called != 1 {
		t.Errorf("the listener was called %d times", called)
	}
}
