package limit_test

import (
	"context"
	"testing"
	"testing/synctest"

	"parley"
	"parley/limit"
)

func TestAnswersInFlightAreBoundedPerUserAndNode(t *testing.T) {
	a := limit.NewAnswers(limit.AnswersConfig{User: 200 << 10, Node: 500 << 10})
	reason := func(e *parley.Error) string {
		if e == nil {
			return ""
		}
		if e.Code != parley.CodeOverloaded || e.RetryAfter <= 0 {
			t.Errorf("%+v", e)
		}
		return e.Reason
	}
	for i, step := range []struct {
		user parley.UserID
		want string
	}{{"alice", ""}, {"alice", ""}, {"alice", "answers_user"}, {"bob", ""}, {"bob", ""}, {"", ""}, {"", "answers"}, {"carol", "answers"}} {
		if got := reason(a.Charge(step.user, 100<<10)); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
	for range 100 {
		if e := a.Charge("alice", limit.SmallAnswer); e != nil {
			t.Fatalf("a small answer: %v", e)
		}
	}
	a.Discharge("alice", 100<<10)
	if e := a.Charge("alice", 100<<10); e != nil {
		t.Errorf("after one was read: %v", e)
	}
}

func TestAnswersAreBuiltFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := limit.NewAnswers(limit.AnswersConfig{UserBuild: 2, NodeBuild: 3})
		built := map[parley.UserID]int{}
		build := func(ctx context.Context, user parley.UserID) {
			if e := a.Build(ctx, user); e == nil {
				built[user]++
			} else if e.Code != parley.CodeOverloaded {
				t.Errorf("%+v", e)
			}
		}
		gone, leave := context.WithCancel(t.Context())
		for range 3 {
			go build(t.Context(), "alice")
			synctest.Wait()
		}
		go build(gone, "alice")
		synctest.Wait()
		go build(t.Context(), "bob")
		synctest.Wait()
		go build(t.Context(), "carol")
		synctest.Wait()
		if built["alice"] != 2 || built["bob"] != 1 || built["carol"] != 0 {
			t.Errorf("built at once: %v", built)
		}
		a.Built("bob")
		synctest.Wait()
		if built["alice"] != 2 || built["carol"] != 1 {
			t.Errorf("after bob's: %v", built)
		}
		leave()
		synctest.Wait()
		a.Built("alice")
		synctest.Wait()
		if built["alice"] != 3 {
			t.Errorf("after one of alice's: %v", built)
		}
		for range 2 {
			a.Built("alice")
		}
		a.Built("carol")
		synctest.Wait()
		if built["alice"] != 3 {
			t.Errorf("who had left has a place: %v", built)
		}
	})
}
