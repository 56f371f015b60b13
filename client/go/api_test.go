package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	client "github.com/parley-server/parley/client/go"
)

// as returns a client for a user.
func as(server, user string) *client.Client { return client.New(server, client.Config{User: user}) }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func publish(t *testing.T, c *client.Client, channel string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		_, err := c.Publish(ctxFor(t), channel, client.Draft{Text: text})
		check(t, err)
	}
}

func texts(messages []client.Message) (out []string) {
	for _, m := range messages {
		out = append(out, m.Text)
	}
	return out
}

func code(err error) string {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Code
	}
	return ""
}

func TestHistoryCountsMessages(t *testing.T) {
	ctx, c := ctxFor(t), as(development(), "alice")
	publish(t, c, "h1", "a", "b", "c", "d")
	for i := range 6 { // entries that are changes, more than one page of them
		check(t, c.React(ctx, "h1", 2, fmt.Sprint("r", i), true))
	}
	check(t, c.Delete(ctx, "h1", 4))
	page, err := c.History(ctx, "h1", client.PageQuery{Limit: 3})
	check(t, err)
	if got := texts(page.Messages); !slices.Equal(got, []string{"b", "c", ""}) || !page.More || page.Before != 2 || page.Last != 11 {
		t.Fatalf("got %q, %+v", got, page)
	}
	if !page.Messages[2].Deleted || len(page.Messages[0].Reactions) != 6 {
		t.Errorf("messages are not as they are now: %+v", page.Messages)
	}
	page, err = c.History(ctx, "h1", client.PageQuery{Before: page.Before, Limit: 3})
	check(t, err)
	if got := texts(page.Messages); !slices.Equal(got, []string{"a"}) || page.More {
		t.Fatalf("got %q, %+v", got, page)
	}
}

func TestHistoryOfAnEmptyChannel(t *testing.T) {
	page, err := as(development(), "alice").History(ctxFor(t), "h2", client.PageQuery{})
	check(t, err)
	if len(page.Messages) != 0 || page.More || page.Last != 0 || page.Epoch == "" || *page.Position().After != 0 {
		t.Fatalf("got %+v", page)
	}
}

func TestHistoryAfterRetention(t *testing.T) {
	ctx, c := ctxFor(t), as(development(), "alice")
	publish(t, c, "h3", "a", "b", "c")
	check(t, c.DeleteChannel(ctx, "h3"))
	publish(t, c, "h3", "d")
	page, err := c.History(ctx, "h3", client.PageQuery{Limit: 2})
	check(t, err)
	if got := texts(page.Messages); !slices.Equal(got, []string{"d"}) || page.More || page.Last != 4 {
		t.Fatalf("got %q, %+v", got, page)
	}
}

func TestThread(t *testing.T) {
	ctx, c := ctxFor(t), as(development(), "alice")
	publish(t, c, "t1", "root", "other")
	for _, text := range []string{"r1", "r2", "r3"} {
		_, err := c.Publish(ctx, "t1", client.Draft{Text: text, Thread: 1})
		check(t, err)
	}
	all, err := c.Thread(ctx, "t1", 1, client.ThreadQuery{})
	check(t, err)
	if got := texts(all); !slices.Equal(got, []string{"root", "r1", "r2", "r3"}) || all[0].Replies != 3 {
		t.Fatalf("got %q, %d replies", got, all[0].Replies)
	}
	some, err := c.Thread(ctx, "t1", 1, client.ThreadQuery{After: 3, Limit: 2})
	check(t, err)
	if got := texts(some); !slices.Equal(got, []string{"root", "r2"}) && !slices.Equal(got, []string{"root", "r2", "r3"}) {
		t.Fatalf("got %q", got)
	}
}

func TestChangesOfAMessage(t *testing.T) {
	ctx, server := ctxFor(t), development()
	alice, bob := as(server, "alice"), as(server, "bob")
	publish(t, alice, "c1", "helo")
	text := "hello"
	m, err := alice.Edit(ctx, "c1", 1, client.Edit{Text: &text, Data: map[string]int{"n": 1}})
	check(t, err)
	if m.ID != 1 || m.Text != "hello" || string(m.Data) != `{"n":1}` || m.Edited == nil {
		t.Fatalf("got %+v", m)
	}
	check(t, bob.React(ctx, "c1", 1, "👍", true))
	check(t, bob.React(ctx, "c1", 1, "👍", true)) // changes nothing
	check(t, alice.React(ctx, "c1", 1, "👍", true))
	check(t, alice.React(ctx, "c1", 1, "👍", false))
	page, err := alice.History(ctx, "c1", client.PageQuery{})
	check(t, err)
	if r := page.Messages[0].Reactions["👍"]; r.Count != 1 || !slices.Equal(r.Users, []string{"bob"}) {
		t.Fatalf("reactions %+v", r)
	}
	check(t, alice.Delete(ctx, "c1", 1))
	check(t, alice.Delete(ctx, "c1", 1)) // changes nothing
	if _, err := alice.Edit(ctx, "c1", 1, client.Edit{Text: &text}); code(err) != "conflict" {
		t.Fatalf("got %v, want conflict", err)
	}
}

func TestListsAreReadInPages(t *testing.T) {
	ctx, c := ctxFor(t), as(development(), "owner")
	var want []string
	for i := range 250 {
		user := fmt.Sprintf("m%03d", i)
		want = append(want, user)
		check(t, c.PutMember(ctx, "crowd", user, ""))
	}
	check(t, c.RemoveMember(ctx, "crowd", want[0]))
	members := c.Members(ctx, "crowd")
	for range 2 { // the sequence can be read again
		var got []string
		for m, err := range members {
			check(t, err)
			if m.Role != "member" || m.Joined == 0 {
				t.Fatalf("got %+v", m)
			}
			got = append(got, m.User)
		}
		if !slices.Equal(got, want[1:]) {
			t.Fatalf("got %d members: %q", len(got), got)
		}
	}
	for range members {
		break
	}
}

func TestPublicChannels(t *testing.T) {
	ctx, c := ctxFor(t), as(development(), "alice")
	title, topic := "A title", "A topic"
	made, err := c.CreateChannel(ctx, "p1", client.Settings{Title: &title, Topic: &topic, Data: map[string]int{"n": 1}})
	check(t, err)
	if made.Title != title || made.Topic != topic || made.Kind != "public" || string(made.Data) != `{"n":1}` {
		t.Fatalf("got %+v", made)
	}
	publish(t, c, "p1", "a", "b")
	empty := ""
	made, err = c.CreateChannel(ctx, "p1", client.Settings{Topic: &empty})
	check(t, err)
	if made.Title != title || made.Topic != "" || made.LastID != 2 {
		t.Fatalf("got %+v", made)
	}
	found := false
	for ch, err := range c.PublicChannels(ctx) {
		check(t, err)
		found = found || ch.Channel == "p1" && ch.Title == title && ch.LastID == 2
	}
	if !found {
		t.Error("p1 is not among the public channels")
	}
	read, err := c.Channel(ctx, "p1")
	check(t, err)
	if read.Title != title || read.FirstID != 1 {
		t.Errorf("got %+v", read)
	}
}

func TestMuteIsInTheInbox(t *testing.T) {
	ctx, c := ctxFor(t), as(development(), "mia")
	check(t, c.Join(ctx, "m1"))
	for _, want := range []client.Mute{client.MuteAll, client.MuteButMentions, client.MuteNone} {
		check(t, c.Mute(ctx, "m1", want))
		for e, err := range c.Inbox(ctx) {
			check(t, err)
			if e.Channel != "m1" || e.Muted != want || e.Role != "member" {
				t.Fatalf("got %+v, want mute %q", e, want)
			}
		}
	}
	check(t, c.Leave(ctx, "m1"))
	for e := range c.Inbox(ctx) {
		t.Errorf("still in %+v", e)
	}
	if _, err := c.MarkRead(ctx, "m1", 1); code(err) != "forbidden" {
		t.Errorf("got %v, want forbidden", err)
	}
}

func TestListsEndWithTheirError(t *testing.T) {
	n := 0
	for _, err := range as(development(), "alice").Members(ctxFor(t), "not a name") {
		if n++; code(err) != "bad_channel" {
			t.Errorf("got %v, want bad_channel", err)
		}
	}
	if n != 1 {
		t.Errorf("%d pairs", n)
	}
}

func TestDisplayName(t *testing.T) {
	ctx := ctxFor(t)
	c := client.New(development(), client.Config{User: "zoe", Name: "Zoë Q."})
	publish(t, c, "n1", "over HTTP")
	sock, err := c.Dial(ctx, "n1", client.Position{})
	check(t, err)
	defer sock.CloseNow()
	key, err := sock.SendDraft(ctx, client.Draft{Text: "over a socket"})
	check(t, err)
	for {
		e, err := sock.Receive(ctx)
		check(t, err)
		if e.Ack != nil && e.Ack.Key == key {
			break
		}
	}
	page, err := c.History(ctx, "n1", client.PageQuery{})
	check(t, err)
	for _, m := range page.Messages {
		if m.User != "zoe" || m.Name != "Zoë Q." {
			t.Errorf("got %+v", m)
		}
	}
	if len(page.Messages) != 2 {
		t.Errorf("%d messages", len(page.Messages))
	}
}

func TestUser(t *testing.T) {
	ctx, secure := ctxFor(t), production()
	for _, c := range []*client.Client{
		client.New(secure, client.Config{User: "alice", Token: "key_abc"}),
		client.New(secure, client.Config{Token: tokenFor("alice", 0)}),
		client.New(secure, client.Config{GetToken: func(context.Context) (string, error) { return tokenFor("alice", 0), nil }}),
	} {
		if user, err := c.User(ctx); user != "alice" || err != nil {
			t.Errorf("got %q, %v", user, err)
		}
	}
	for _, c := range []*client.Client{client.New(development(), client.Config{}), client.New(secure, client.Config{Token: "key_abc"})} {
		if err := c.Join(ctx, "u1"); err == nil {
			t.Error("nobody joined")
		}
	}
}

func TestRequest(t *testing.T) {
	ctx, c := ctxFor(t), as(development(), "rita")
	publish(t, c, "r1", "a", "b")
	var found []client.Message
	check(t, c.Request(ctx, "GET", "/api/messages?channel_id=r1&after=1", nil, &found))
	if got := texts(found); !slices.Equal(got, []string{"b"}) {
		t.Errorf("got %q", got)
	}
	var read struct{ Unread int }
	check(t, c.Request(ctx, "POST", "/api/channels/r1/read", map[string]int{"id": 2}, &read))
	check(t, c.Request(ctx, "PUT", "/api/channels/r1/mute", map[string]bool{"muted": true}, nil))
	if err := c.Request(ctx, "GET", "/api/nothing", nil, nil); code(err) != "not_found" {
		t.Errorf("got %v", err)
	}
	if err := c.Request(ctx, "GET", "/api/messages?%zz", nil, nil); err == nil {
		t.Error("a query that cannot be read was sent")
	}
}
