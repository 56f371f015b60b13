package limit_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/limit"
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

// A hundred users who request the largest responses at once are admitted as the bytes allow, before
// any of the responses is charged.
func TestWhatIsBuiltHasItsPlaceInTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const mb = 1 << 20
		a := limit.NewAnswers(limit.AnswersConfig{})
		var mu sync.Mutex
		var begun []parley.UserID
		built := func() []parley.UserID {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return begun
		}
		expect := func(want int, when string) {
			t.Helper()
			if n := len(built()); n != want {
				t.Errorf("%s: %d are being built or were, want %d", when, n, want)
			}
		}
		ask := func(user parley.UserID) {
			go func() {
				if e := a.Build(t.Context(), user); e == nil {
					mu.Lock()
					defer mu.Unlock()
					begun = append(begun, user)
				}
			}()
			synctest.Wait()
		}
		for i := range 100 {
			ask(parley.UserID(fmt.Sprint("u", i)))
		}
		expect(8, "all at once") // 64 MiB
		for i := range 8 {
			if e := a.Charge(built()[i], 8*mb); e != nil {
				t.Fatal(e)
			}
			a.Built(built()[i])
			expect(8+max(0, i-6), "while what was built is on its way") // one is always allowed
		}
		if e := a.Charge(built()[8], 8*mb); e == nil || e.Code != parley.CodeOverloaded {
			t.Errorf("beyond the budget: %v", e)
		}
		a.Built(built()[8])
		expect(10, "after the one that was refused")
		a.Discharge(built()[0], 8*mb)
		a.Discharge(built()[1], 8*mb)
		expect(11, "after two were read")
		a.Built(built()[9])
		a.Built(built()[10])
		for n := 11; n < 100; n++ {
			a.Built(built()[n])
		}
		expect(100, "in the end")
		for range 5 {
			ask("alice")
		}
		expect(102, "of one user")
		for n := 102; n <= 105; n++ {
			synctest.Wait()
			a.Built("alice")
		}
	})
}
