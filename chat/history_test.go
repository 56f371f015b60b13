package chat_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/chat"
)

func rising(n int) (times []parley.Timestamp) {
	for i := range n {
		times = append(times, parley.Timestamp(10*(i+1)))
	}
	return times
}

func idsOf(ms []parley.Message) (ids []int64) {
	for _, m := range ms {
		ids = append(ids, m.ID)
	}
	return ids
}

func TestHistoryAtTheEdgesOfWhatIsKept(t *testing.T) {
	before := func(id int64) chat.Query { return chat.Query{Before: &id} }
	after := func(id int64) chat.Query { return chat.Query{After: &parley.Cursor{ID: id}} }
	since := func(at parley.Timestamp) chat.Query { return chat.Query{Since: &at} }
	for name, c := range map[string]struct {
		q      chat.Query
		limit  int
		first  int64 // of 10 messages, those from here on are kept
		during int64 // the same when the messages are read
		want   []int64
		gone   string
	}{
		"the newest":                           {chat.Query{}, 3, 1, 0, []int64{8, 9, 10}, ""},
		"the newest, fewer than asked for":     {chat.Query{}, 30, 8, 0, []int64{8, 9, 10}, ""},
		"backwards":                            {before(5), 3, 1, 0, []int64{2, 3, 4}, ""},
		"backwards to the first":               {before(4), 30, 1, 0, []int64{1, 2, 3}, ""},
		"backwards into what is gone":          {before(6), 3, 4, 0, []int64{4, 5}, ""},
		"backwards from the first that's kept": {before(4), 3, 4, 0, nil, ""},
		"backwards from what is gone":          {before(2), 3, 4, 0, nil, ""},
		"backwards from nothing":               {before(0), 3, 1, 0, nil, ""},
		"backwards from beyond the head":       {before(99), 2, 1, 0, []int64{9, 10}, ""},
		"forwards":                             {after(5), 3, 1, 0, []int64{6, 7, 8}, ""},
		"forwards from the head":               {after(10), 3, 1, 0, nil, ""},
		"forwards from just before the first":  {after(3), 2, 4, 0, []int64{4, 5}, ""},
		"forwards from what is gone":           {after(2), 2, 4, 0, nil, "expired"},
		"forwards from 0 is what is kept":      {after(0), 2, 4, 0, []int64{4, 5}, ""},
		"forwards from beyond the head":        {after(11), 2, 4, 0, nil, "ahead"},
		"since a moment":                       {since(50), 2, 1, 0, []int64{6, 7}, ""},
		"since what is gone":                   {since(5), 2, 4, 0, []int64{4, 5}, ""},
		"since the future":                     {since(999), 2, 4, 0, nil, ""},

		"trimmed meanwhile, backwards":            {before(6), 4, 1, 4, []int64{4, 5}, ""},
		"trimmed meanwhile, all that was asked":   {before(6), 4, 1, 9, nil, ""},
		"trimmed meanwhile, the newest":           {chat.Query{}, 4, 1, 9, []int64{9, 10}, ""},
		"trimmed meanwhile, forwards":             {after(2), 4, 1, 5, nil, "expired"},
		"trimmed meanwhile, far forwards":         {after(2), 4, 1, 9, nil, "expired"},
		"trimmed meanwhile, all that follows":     {after(2), 4, 1, 11, nil, "expired"},
		"trimmed meanwhile up to the cursor":      {after(2), 4, 1, 3, []int64{3, 4, 5, 6}, ""},
		"trimmed meanwhile, from 0":               {after(0), 4, 1, 5, []int64{5, 6, 7, 8}, ""},
		"trimmed meanwhile, since a moment":       {since(25), 4, 1, 5, []int64{5, 6, 7, 8}, ""},
		"trimmed meanwhile, everything there was": {after(0), 100, 1, 11, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, most := range []int{0, 1} { // long messages shorten reads, not pages
				log := newFake()
				log.with("c", rising(10)...)
				log.store.Trim("c", c.first)
				if log.most = most; c.during > 0 {
					log.onRead = func() { log.store.Trim("c", c.during) }
				}
				s, _ := service(t, log)
				q := c.q
				q.Limit = c.limit
				page, err := s.History(t.Context(), dev("u"), "c", q)
				if c.gone != "" {
					e, ok := errors.AsType[*parley.Error](err)
					if !ok || e.Code != parley.CodeCursorGone || e.Channel != "c" || e.Reset.Reason != c.gone ||
						e.Reset.First != max(c.first, c.during) ||
						e.Reset.Last != 10 {
						t.Errorf("%+v", err)
					}
					continue
				}
				if ids := idsOf(page.Messages); err != nil || !slices.Equal(ids, c.want) {
					t.Errorf("%v, %v, want %v", ids, err, c.want)
				}
			}
		})
	}
}

func TestMergedNeverCutsInsideATimestamp(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		log := newFake()
		channels := []parley.ChannelID{"a", "b", "c"}
		var all []parley.Message
		for _, channel := range channels {
			var times []parley.Timestamp
			at := parley.Timestamp(1)
			for range r.IntN(12) {
				times = append(times, at)
				at += parley.Timestamp(1 + r.IntN(3))
			}
			all = append(all, log.with(channel, times...)...)
		}
		log.most = r.IntN(4)
		slices.SortStableFunc(all, func(a, b parley.Message) int { return int(a.Time - b.Time) })
		limit, most := 1+r.IntN(8), 0
		if r.IntN(2) == 0 { // a limit in bytes; a message has about 130
			most = 1 + r.IntN(1000)
		}
		s := answering(log, most)

		// Pages since the last timestamp show each message once.
		var got []parley.Message
		for since := parley.Timestamp(0); ; {
			page, err := s.Merged(t.Context(), dev("u"), channels,
				func(parley.ChannelID) chat.Query { return chat.Query{Since: &since, Limit: limit} })
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			since = page[len(page)-1].Time
		}
		if len(got)+len(all) > 0 && !reflect.DeepEqual(got, all) {
			t.Fatalf("seed %d: pages of %d are %v, want %v", seed, limit, got, all)
		}
		// The newest page ends with the newest message, and begins with all messages of a timestamp.
		page, err := s.Merged(t.Context(), dev("u"), channels, func(parley.ChannelID) chat.Query { return chat.Query{Limit: limit} })
		if err != nil {
			t.Fatal(err)
		}
		from := len(all) - len(page)
		if most == 0 && len(page) < min(limit, len(all)) || len(page) == 0 && len(all) > 0 || len(page) > limit+2 ||
			len(page) > 0 && !reflect.DeepEqual(page, all[from:]) {
			t.Fatalf("seed %d: the newest %d are %v of %v", seed, limit, page, all)
		}
		if from > 0 && from < len(all) && all[from-1].Time == all[from].Time {
			t.Fatalf("seed %d: the newest %d cut inside the time %d", seed, limit, all[from].Time)
		}
	}
}

// An answer is also bounded in bytes, whatever is requested: it is then shorter, and
// its pages miss nothing.
func TestAnswersAreBoundedInBytes(t *testing.T) {
	log := newFake()
	sent := log.with("c", rising(300)...)
	log.most = 7
	s := answering(log, 20*410)
	var forward, backward []parley.Message
	for after := int64(0); after < 300; after = forward[len(forward)-1].ID {
		page, err := s.History(t.Context(), dev("u"), "c", chat.Query{After: &parley.Cursor{ID: after}, Limit: 1000})
		if n := len(page.Messages); err != nil || n < 19 && after+int64(n) < 300 || n > 20 {
			t.Fatalf("%d messages after %d, %v", n, after, err)
		}
		forward = append(forward, page.Messages...)
	}
	for before := int64(301); before > 1; before = backward[0].ID {
		page, err := s.History(t.Context(), dev("u"), "c", chat.Query{Before: &before, Limit: 1000})
		if n := len(page.Messages); err != nil || n < 19 && int64(n) < before-1 || n > 20 {
			t.Fatalf("%d messages before %d, %v", n, before, err)
		}
		backward = append(page.Messages[:len(page.Messages):len(page.Messages)], backward...)
	}
	if !reflect.DeepEqual(forward, sent) || !reflect.DeepEqual(backward, sent) {
		t.Errorf("forward %v, backward %v", idsOf(forward), idsOf(backward))
	}
}

// A channel that the cursor does not name neither adds nor removes messages.
func TestMergedChannelsMayBeAskedForDifferently(t *testing.T) {
	log := newFake()
	log.with("a", rising(5)...)
	log.with("b", rising(5)...)
	s, _ := service(t, log)
	for _, channels := range [][]parley.ChannelID{{"a", "b"}, {"b", "a"}} {
		ms, err := s.Merged(t.Context(), dev("u"), channels, func(c parley.ChannelID) chat.Query {
			if c == "a" {
				return chat.Query{After: &parley.Cursor{ID: 1}, Limit: 3}
			}
			return chat.Query{Before: new(int64), Limit: 1}
		})
		if ids := idsOf(ms); err != nil || !slices.Equal(ids, []int64{2, 3, 4}) {
			t.Errorf("%v: %v, %v", channels, ids, err)
		}
	}
}

func TestRepeatsAreFoundByKeyOnly(t *testing.T) {
	log := newFake()
	if r := log.Append(t.Context(), "c", parley.Draft{User: "u", Text: "x", Key: "k"})[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	s, _ := service(t, log)
	why := errors.New("it is empty")
	for _, c := range []struct {
		user  parley.UserID
		key   string
		found bool
	}{{"u", "k", true}, {"u", "", false}, {"u", "other", false}, {"v", "k", false}} {
		r, err := s.Repeat(t.Context(), dev(c.user), "c", c.key, why)
		if c.found && (err != nil || !r.Duplicate || r.Message.ID != 1) || !c.found && err != why {
			t.Errorf("%+v: %+v, %v", c, r, err)
		}
	}
}
