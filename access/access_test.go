package access

import (
	"strings"
	"testing"

	"github.com/parley-server/parley"
)

func show(r Right) (s string) {
	for _, x := range []struct {
		r Right
		s string
	}{{Read, "r"}, {Write, "w"}, {Presence, "p"}, {Administer, "a"}} {
		if r&x.r != 0 {
			s += x.s
		}
	}
	return s
}

// Every kind of credentials with every kind of channel and every role. The table is
// complete: everything else is a mistake.
func TestRights(t *testing.T) {
	creds := map[string]*Credentials{
		"none":     nil,
		"no list":  {},
		"room:*=r": {Listed: true, Grants: []Grant{{"room:*", Read}}},
		"room:1":   {Listed: true, Grants: []Grant{{"room:1", Read | Write | Presence}}},
		"room:*=a": {Listed: true, Grants: []Grant{{"room:*", Administer}}},
		"other":    {Listed: true, Grants: []Grant{{"room:10", All}, {"roo", All}}},
		"back end": {Any: true, Service: true},
		"dev":      Developer,
	}
	roles := []parley.Role{parley.RoleNone, parley.RoleReader, parley.RoleMember, parley.RoleAdmin, parley.RoleOwner, parley.RoleBanned}
	for _, line := range strings.Split(strings.TrimSpace(`
		public  none      -  rp   rwp  rwpa rwpa -
		members none      -  rp   rwp  rwpa rwpa -
		public  no list   -  rp   rwp  rwpa rwpa -
		members no list   -  rp   rwp  rwpa rwpa -
		public  room:*=r  r  r    r    rwpa rwpa -
		members room:*=r  r  rp   rwp  rwpa rwpa -
		public  room:1    rwp rp  rwp  rwpa rwpa -
		members room:1    rwp rp  rwp  rwpa rwpa -
		public  room:*=a  rwpa rpa rwpa rwpa rwpa -
		members room:*=a  rwpa rpa rwpa rwpa rwpa -
		public  other     -  -    -    rwpa rwpa -
		members other     -  rp   rwp  rwpa rwpa -
		public  back end  rwpa rwpa rwpa rwpa rwpa -
		members back end  rwpa rwpa rwpa rwpa rwpa -
		public  dev       rwpa rpa rwpa rwpa rwpa -
		members dev       a  rpa  rwpa rwpa rwpa -
	`), "\n") {
		f := strings.Fields(strings.Replace(strings.Replace(line, "no list", "no_list", 1), "back end", "back_end", 1))
		name := strings.Replace(f[1], "_", " ", 1)
		for i, role := range roles {
			got := show(Rights(Caller{User: "bob", As: creds[name]}, "room:1", parley.ChannelKind(f[0]), role))
			if want := strings.TrimPrefix(f[2+i], "-"); got != want {
				t.Errorf("%s in a %s channel as %q: %q, want %q", name, f[0], role, got, want)
			}
		}
	}
	for _, c := range []struct {
		channel parley.ChannelID
		cred    string
		want    string
	}{
		{"@bob", "none", "rp"}, {"@bob", "no list", "rp"}, {"@bob", "other", "rp"}, {"@bob", "back end", "rwpa"}, {"@bob", "dev", "rwpa"},
		{"@alice", "none", ""}, {"@alice", "no list", ""}, {"@alice", "back end", "rwpa"}, {"@alice", "dev", "rwpa"},
		{"$control", "back end", ""}, {"$control", "dev", ""}, {"$control", "none", ""},
	} {
		if got := show(Rights(Caller{User: "bob", As: creds[c.cred]}, c.channel, parley.KindPublic, parley.RoleNone)); got != c.want {
			t.Errorf("%s with %s: %q, want %q", c.channel, c.cred, got, c.want)
		}
	}
}

func TestADirectChannelIsOfItsTwo(t *testing.T) {
	for channel, want := range map[parley.ChannelID]string{
		"dm:alice:bob": "alice bob", "dm:bob:alice": "", "dm:a:a": "", "dm:a": "", "dm::a": "", "dm:a:": "", "room:a:b": "",
		"dm:a:b:c": "", "dm:a:channel": "", "dm:b:a:c": "b:a c",
	} {
		a, b, ok := channel.Direct()
		if got := string(a + " " + b); ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q %v, want %q", channel, got, ok, want)
		}
	}
}
