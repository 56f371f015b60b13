package dsn

import (
	"reflect"
	"strings"
	"testing"
)

func TestAddressesAreRead(t *testing.T) {
	for s, want := range map[string]Address{
		"x://a":                         {Hosts: []string{"a:7"}},
		"x://a:1,b,[::1]:3,[::2]":       {Hosts: []string{"a:1", "b:7", "[::1]:3", "[::2]:7"}},
		"x://a:1,x://b:2/":              {Hosts: []string{"a:1", "b:2"}},
		"x://u:p%2C%40:q@a/topic?o=1":   {User: "u", Password: "p,@:q", Hosts: []string{"a:7"}, Path: "topic"},
		"x://token@a:1,b/some/path":     {User: "token", Hosts: []string{"a:1", "b:7"}, Path: "some/path"},
		"x://a?tls=true&ca=/etc/ca.pem": {Hosts: []string{"a:7"}},
	} {
		got, err := Parse(s, "x", "7", "o")
		if err != nil {
			t.Errorf("%s: %v", s, err)
		}
		if got.Options = nil; !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %+v, want %+v", s, got, want)
		}
	}
}

func TestErrorsOfBadAddressesHideThePassword(t *testing.T) {
	for _, s := range []string{"", "x://", "y://a", "x://a,", "x://u:hidden@a:port", "x://u:hidden%@a", "x://u:hidden@a?later=1",
		"x://u:hidden@a?o=%zz", "x://u:hidden@a:b:c"} {
		if a, err := Parse(s, "x", "7", "o"); err == nil {
			t.Errorf("%s is read as %+v", s, a)
		} else if strings.Contains(err.Error(), "hidden") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestTLSIsUsedIfAnOptionSaysSo(t *testing.T) {
	for s, want := range map[string]bool{"x://a": false, "x://a?tls=false": false, "x://a?tls=true": true} {
		a, err := Parse(s, "x", "7")
		if err != nil {
			t.Fatal(err)
		}
		if cfg, err := a.TLS(nil); err != nil || (cfg != nil) != want {
			t.Errorf("%s: %v, %v", s, cfg, err)
		}
	}
	for _, s := range []string{"x://a?ca=/not/there", "x://a?cert=/not/there", "x://a?cert=/not/there&key=/not/there"} {
		a, err := Parse(s, "x", "7")
		if err != nil {
			t.Fatal(err)
		}
		if cfg, err := a.TLS(nil); err == nil {
			t.Errorf("%s: %v", s, cfg)
		}
	}
}
