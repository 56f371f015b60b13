package mem_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
)

func draft(key, text string) parley.Draft {
	return parley.Draft{User: "alice", Key: key, Text: text, Join: true}
}

func texts(t *testing.T, h *mem.Handle) (all []string) {
	t.Helper()
	run, err := h.Read(t.Context(), "room", parley.Cursor{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range run.Entries {
		all = append(all, m.Text)
	}
	return all
}

func TestWritesFailAsCommanded(t *testing.T) {
	s := mem.NewStore(mem.StoreConfig{})
	h, other := s.Open(), s.Open()
	h.Fail(mem.Refused, mem.Unstored, mem.Unanswered)
	for i, want := range []error{parley.ErrUnavailable, parley.ErrUnknown, parley.ErrUnknown, nil} {
		r := h.Append(t.Context(), "room", draft(fmt.Sprint(i), fmt.Sprint(i)))[0]
		if !errors.Is(r.Err, want) || (r.Err == nil) != (want == nil) {
			t.Errorf("append %d: %v, want %v", i, r.Err, want)
		}
	}
	if got := texts(t, other); !slices.Equal(got, []string{"2", "3"}) {
		t.Errorf("stored are %v", got)
	}
	if r := h.Append(t.Context(), "room", draft("2", "again"))[0]; r.Err != nil || !r.Duplicate || r.Message.ID != 1 {
		t.Errorf("a repeat of what was not answered: %+v", r)
	}
	h.FailReads(1)
	if _, err := h.Bounds(t.Context(), "room"); !errors.Is(err, parley.ErrUnavailable) {
		t.Errorf("a read: %v", err)
	}
	if _, err := h.Bounds(t.Context(), "room"); err != nil {
		t.Errorf("the next read: %v", err)
	}
}

func TestStalledHandleWaits(t *testing.T) {
	s := mem.NewStore(mem.StoreConfig{})
	h, other := s.Open(), s.Open()
	resume := h.Stall()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := h.Append(ctx, "room", draft("", "given up"))[0]; !errors.Is(r.Err, parley.ErrUnknown) {
		t.Errorf("nobody waited for it: %v", r.Err)
	}
	answered := make(chan parley.Result)
	go func() { answered <- h.Append(t.Context(), "room", draft("", "late"))[0] }()
	if r := other.Append(t.Context(), "room", draft("", "first"))[0]; r.Err != nil || r.Message.ID != 1 {
		t.Errorf("another handle: %+v", r)
	}
	select {
	case r := <-answered:
		t.Errorf("answered while it is stalled: %+v", r)
	default:
	}
	resume()
	if r := <-answered; r.Err != nil || r.Message.ID != 2 {
		t.Errorf("%+v", r)
	}
	resume() // a second call has no effect
	if got := texts(t, h); !slices.Equal(got, []string{"first", "late"}) {
		t.Errorf("stored are %v", got)
	}
}

// After Promote everything is as it was when the channel had only the surviving entries.
func TestPromoteLeavesWhatSurvived(t *testing.T) {
	for _, projected := range []bool{false, true} {
		for survive := range int64(12) {
			s := mem.NewStore(mem.StoreConfig{Projected: projected})
			h, other := s.Open(), s.Open()
			text := "edited"
			edit := parley.Draft{User: "alice", Change: &parley.Change{Of: 2, Kind: parley.ChangeEdit, Text: &text}}
			del := parley.Draft{User: "alice", Change: &parley.Change{Of: 1, Kind: parley.ChangeDelete}}
			react := parley.Draft{User: "bob", Change: &parley.Change{Of: 2, Kind: parley.ChangeReact, Emoji: "x"}}
			drafts := []parley.Draft{draft("a", "1 @bob"), draft("b", "2"), edit, del, react, draft("c", "6"), draft("d", "7"),
				{User: "bob", Text: "8", Thread: 2}, draft("e", "9"), draft("f", "10"), draft("g", "11")}
			was := h.Append(t.Context(), "room", drafts...)
			role := parley.RoleMember
			if _, _, err := h.SetMember(t.Context(), "room", "bob", parley.MemberChange{Role: &role}); err != nil {
				t.Fatal(err)
			}
			old := was[0].Epoch
			epoch := s.Promote(func(parley.ChannelID, int64) int64 { return survive })
			if epoch == old || epoch == "" {
				t.Fatalf("the epoch is %q after %q", epoch, old)
			}
			bs, err := other.Bounds(t.Context(), "room")
			if err != nil || bs[0].Last != survive || bs[0].First != 1 || bs[0].Epoch != epoch {
				t.Fatalf("of 11 entries %d survive: %+v, %v", survive, bs, err)
			}
			if _, err := other.Read(t.Context(), "room", parley.Cursor{ID: 1, Epoch: old}, 10); !errors.Is(err, parley.ErrEpoch) {
				t.Errorf("a cursor of the old epoch: %v", err)
			}
			at, err := other.Position(t.Context(), "room")
			if err != nil || at[0] > survive || !projected && at[0] != survive {
				t.Errorf("the position is %v, %v, the head %d", at, err, survive)
			}
			ms, err := other.Member(t.Context(), "bob", "room")
			if err != nil || ms[0].ReadID != survive {
				t.Errorf("the read pointer is %+v, %v, the head %d", ms, err, survive)
			}
			// A store that never had more entries returns the same.
			model := mem.NewStore(mem.StoreConfig{}).Open()
			model.Append(t.Context(), "room", drafts[:survive]...)
			if got, want := texts(t, other), texts(t, model); !slices.Equal(got, want) {
				t.Errorf("%d survive: %q, want %q", survive, got, want)
			}
			m, _ := model.Bounds(t.Context(), "room")
			next := other.Append(t.Context(), "room", draft("g", "new"), del, react)
			want := model.Append(t.Context(), "room", draft("g", "new"), del, react)
			for i := range next {
				n, w := next[i], want[i]
				if n.Epoch != epoch && n.Err == nil || n.Message.ID != w.Message.ID || n.Message.Count != w.Message.Count ||
					n.Unchanged != w.Unchanged || n.Duplicate != w.Duplicate || !errors.Is(n.Err, w.Err) {
					t.Errorf("%d survive: then %+v, want %+v (%+v)", survive, n, w, m)
				}
			}
		}
	}
}
