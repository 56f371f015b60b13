package parleytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley"
)

// Many concurrent changes of settings are each made on the result of the others.
func testSettingsTogether(t *testing.T, h logHarness) {
	d := directory(h.Open(t, nil))
	const n = 40
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			was, is, err := d.SetChannel(t.Context(), room, func(s *parley.Settings) error {
				s.Title += "x"
				if i == 0 {
					s.Kind = parley.KindMembers
				}
				return nil
			})
			if err != nil || is.Title != was.Title+"x" {
				t.Errorf("%+v, then %+v, %v", was, is, err)
			}
		})
	}
	wait.Wait()
	if s, err := settingsOf(t.Context(), d, room); err != nil || len(s.Title) != n || s.Kind != parley.KindMembers {
		t.Errorf("%+v, %v: some changes were lost", s, err)
	}
}

func testSettingsRefused(t *testing.T, h logHarness) {
	d := directory(h.Open(t, nil))
	no := errors.New("no")
	for _, want := range []parley.Settings{{}, {Title: "t", Data: json.RawMessage(`{}`)}} {
		if _, _, err := d.SetChannel(t.Context(), room,
			func(s *parley.Settings) error { s.Title = "other"; return no }); !errors.Is(err, no) {
			t.Errorf("the change's error is %v", err)
		}
		if s, err := settingsOf(t.Context(), d, room); err != nil || !reflect.DeepEqual(s, want) && want.Title != "" || s.Title == "other" {
			t.Errorf("a refused change left %+v, %v", s, err)
		}
		if _, _, err := d.SetChannel(t.Context(), room, parley.Settings{Title: "t", Data: json.RawMessage(`{}`)}.Replace); err != nil {
			t.Fatal(err)
		}
	}
	if cs, err := d.Channels(t.Context(), "room", 10); err != nil || len(cs) != 0 {
		t.Errorf("%v, %v", cs, err)
	}
}

// A retention too long for the number range keeps everything, and a channel with strange
// settings does not stop others from being trimmed.
func testTrimForever(t *testing.T, h logHarness) {
	log := h.Open(t, nil)
	d := directory(log)
	const n = 40
	forever := []parley.Retention{
		{Seconds: 10_000_000_000}, {Seconds: math.MaxInt64}, {Messages: math.MaxInt64}, {Messages: math.MaxInt64, Seconds: math.MaxInt64},
		{Seconds: math.MaxInt64 / 1_000_000}, {Seconds: math.MaxInt64 / 1_000_000_000}, {Seconds: math.MaxInt64/1_000_000_000 + 1},
		{Messages: math.MaxInt64 - 10}, {Messages: math.MaxInt64 / 11 * 10, Seconds: 3600},
	}
	for i, keep := range forever {
		ch := parley.ChannelID(fmt.Sprintf("a%d", i))
		if _, _, err := d.SetChannel(t.Context(), ch, parley.Settings{Retention: &keep}.Replace); err != nil {
			t.Fatal(err)
		}
		post(t, log, ch, numbers(n)...)
	}
	if _, _, err := d.SetChannel(t.Context(), room, parley.Settings{Retention: &parley.Retention{Messages: 5}}.Replace); err != nil {
		t.Fatal(err)
	}
	post(t, log, room, numbers(n)...)
	for range 3 { // passes: what is posted now is trimmed after what was posted before
		before := boundsOf(t, log, room).First
		post(t, log, room, numbers(n)...)
		eventually(t, "the room is trimmed", func() bool { return boundsOf(t, log, room).First > before })
	}
	for i, keep := range forever {
		if b := boundsOf(t, log, parley.ChannelID(fmt.Sprintf("a%d", i))); b.First != 1 || b.Last != n {
			t.Errorf("%+v left %+v", keep, b)
		}
	}
}

// A role changes only if it is still the one on which the decision was based.
func testConditions(t *testing.T, h rosterHarness) {
	s := h.Open(t)
	set := func(was, to parley.Role) error {
		_, is, err := s.SetMember(t.Context(), room, "bob", parley.MemberChange{Was: &was, Role: &to})
		if err == nil && is.Role != to {
			t.Errorf("it is %q, want %q", is.Role, to)
		}
		return err
	}
	for _, step := range []struct {
		was, to parley.Role
		ok      bool
	}{
		{parley.RoleMember, parley.RoleAdmin, false}, {parley.RoleNone, parley.RoleReader, true}, {parley.RoleNone, parley.RoleMember, false},
		{parley.RoleReader, parley.RoleRestricted, true}, {parley.RoleNone, parley.RoleMember, false}, {parley.RoleRestricted,
			parley.RoleBanned, true},
		{parley.RoleRestricted, parley.RoleMember, false}, {parley.RoleBanned, parley.RoleNone, true}, {parley.RoleNone, parley.RoleOwner, true},
	} {
		if err := set(step.was, step.to); (err == nil) != step.ok || !step.ok && !errors.Is(err, parley.ErrChanged) {
			t.Errorf("from %q to %q: %v", step.was, step.to, err)
		}
		s = h.Reopen(t, s)
	}
	var wait sync.WaitGroup
	won := make(chan parley.Role, 10)
	for range 10 {
		wait.Go(func() {
			if set(parley.RoleOwner, parley.RoleMember) == nil {
				won <- parley.RoleMember
			}
		})
	}
	wait.Wait()
	if len(won) != 1 {
		t.Errorf("%d of 10 changed the same role", len(won))
	}
}

// A reader who left is not a member, and does not become one by posting.
func testRestricted(t *testing.T, h rosterHarness) {
	s := h.Open(t)
	put(t, s, room, "bob", parley.RoleReader)
	put(t, s, room, "bob", parley.RoleRestricted)
	stored(t, s.Append(t.Context(), room, parley.Draft{User: "bob", Text: "x", Join: true}))
	if got := roles(t, s, room); got != "" {
		t.Fatal(got)
	}
	if got := channelsOf(t, s, "bob"); got != nil {
		t.Fatal(got)
	}
	s = h.Reopen(t, s)
	if m, err := memberOf(t.Context(), s, room, "bob"); err != nil || m.Role != parley.RoleRestricted || m.ReadID != 0 {
		t.Fatalf("%+v, %v", m, err)
	}
	before := time.Now().Add(-time.Hour)
	if _, is := put(t, s, room, "bob", parley.RoleReader); is.Joined < parley.Timestamp(before.UnixMicro()) || is.ReadID != 1 {
		t.Fatalf("%+v", is)
	}
}
