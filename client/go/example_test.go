package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	client "github.com/parley-server/parley/client/go"
)

func Example() {
	ctx, server := context.Background(), development()    // its address
	c := client.New(server, client.Config{User: "alice"}) // in production with Token or GetToken

	ack, err := c.Publish(ctx, "general", client.Draft{Text: "hello"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("message", ack.ID, "is durable")

	room := c.Subscribe("general", client.Options{From: client.At(0)}) // from the first message that is kept
	defer room.Close()
	for m, err := range room.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", m.User, m.Text)
		break // the loop has no end of its own: it continues over any number of connections
	}
	// Output:
	// message 1 is durable
	// alice: hello
}

// A message that is sent again with its key is stored once, whether or not the first answer arrived.
func ExampleClient_Publish() {
	ctx, server := context.Background(), development() // its address
	c := client.New(server, client.Config{User: "alice"})
	draft := client.Draft{Text: "paid", Data: map[string]any{"order": 7}, Key: "order-7-paid"}
	for range 2 {
		ack, err := c.Publish(ctx, "orders", draft)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(ack.ID, ack.Duplicate)
	}
	// Output:
	// 1 false
	// 1 true
}

// The newest page, the previous one, and what follows, without a gap.
func ExampleClient_History() {
	ctx, server := context.Background(), development() // its address
	c := client.New(server, client.Config{User: "alice"})
	for i := range 5 {
		if _, err := c.Publish(ctx, "history", client.Draft{Text: fmt.Sprint("message ", i+1)}); err != nil {
			log.Fatal(err)
		}
	}

	newest, err := c.History(ctx, "history", client.PageQuery{Limit: 2})
	if err != nil {
		log.Fatal(err)
	}
	older, err := c.History(ctx, "history", client.PageQuery{Before: newest.Before, Limit: 2})
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range append(older.Messages, newest.Messages...) {
		fmt.Println(m.Text)
	}
	fmt.Println("more:", older.More)

	if _, err := c.Publish(ctx, "history", client.Draft{Text: "the next one"}); err != nil {
		log.Fatal(err)
	}
	room := c.Subscribe("history", client.Options{From: newest.Position()})
	defer room.Close()
	for m, err := range room.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.Text)
		break
	}
	// Output:
	// message 2
	// message 3
	// message 4
	// message 5
	// more: true
	// the next one
}

// A program that saves its position resumes there after a restart.
func ExampleSubscription_Position() {
	ctx, server := context.Background(), development() // its address
	c := client.New(server, client.Config{User: "worker"})
	for _, text := range []string{"first", "second", "third"} {
		if _, err := c.Publish(ctx, "jobs", client.Draft{Text: text}); err != nil {
			log.Fatal(err)
		}
	}

	var saved []byte // in a file or a database
	work := func(from client.Position) {
		jobs := c.Subscribe("jobs", client.Options{From: from})
		defer jobs.Close()
		for m, err := range jobs.Messages(ctx) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(m.Text)
			if saved, err = json.Marshal(jobs.Position()); err != nil {
				log.Fatal(err)
			}
			if m.ID%2 == 0 || m.ID == 3 {
				return // the program is stopped
			}
		}
	}
	work(client.At(0))

	var from client.Position
	if err := json.Unmarshal(saved, &from); err != nil {
		log.Fatal(err)
	}
	work(from)
	// Output:
	// first
	// second
	// third
}

// GetToken is called for the first token, for another before each expires, and when the
// server refuses one.
func ExampleConfig_getToken() {
	ctx, secure := context.Background(), production() // its address
	c := client.New(secure, client.Config{GetToken: func(ctx context.Context) (string, error) {
		return tokenFor("alice", time.Hour), nil // ask your back end here
	}})
	user, err := c.User(ctx)
	if err != nil {
		log.Fatal(err)
	}
	ack, err := c.Publish(ctx, "secured", client.Draft{Text: "hello"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(user, ack.ID)
	// Output: alice 1
}

// All events of a channel: messages and changes with their ids, and events.
func ExampleSubscription_Next() {
	ctx, server := context.Background(), development() // its address
	alice := client.New(server, client.Config{User: "alice"})
	bob := client.New(server, client.Config{User: "bob"})
	room := bob.Subscribe("events", client.Options{})
	defer room.Close()
	for {
		e, err := room.Next(ctx)
		if err != nil {
			log.Fatal(err)
		}
		switch e.Type {
		case "welcome": // connected: now bob is present
			here, err := alice.Presence(ctx, "events")
			if err != nil {
				log.Fatal(err)
			}
			for _, p := range here.Users {
				fmt.Println(p.User, "is here by", p.Transports)
			}
			if err := alice.Typing(ctx, "events"); err != nil {
				log.Fatal(err)
			}
		case "typing":
			fmt.Println(e.Person.User, "is typing")
			if err := alice.SendEvent(ctx, "events", "score", map[string]int{"home": 2}); err != nil {
				log.Fatal(err)
			}
		case "event":
			fmt.Println(e.Person.User, "sends", e.Name, string(e.Data))
			if _, err := alice.Publish(ctx, "events", client.Draft{Text: "helo"}); err != nil {
				log.Fatal(err)
			}
		case "message":
			text := "hello"
			if _, err := alice.Edit(ctx, "events", e.ID, client.Edit{Text: &text}); err != nil {
				log.Fatal(err)
			}
		case "message-changed":
			fmt.Println("message", e.Of, "is now:", e.Message.Text)
			return
		}
	}
	// Output:
	// bob is here by [websocket]
	// alice is typing
	// alice sends score {"home":2}
	// message 1 is now: hello
}

// Unread counts, computed by the server for each member.
func ExampleClient_MarkRead() {
	ctx, server := context.Background(), development() // its address
	alice := client.New(server, client.Config{User: "alice"})
	uma := client.New(server, client.Config{User: "uma"})
	if err := uma.Join(ctx, "news"); err != nil {
		log.Fatal(err)
	}
	for _, text := range []string{"one", "two", "@uma look"} {
		if _, err := alice.Publish(ctx, "news", client.Draft{Text: text}); err != nil {
			log.Fatal(err)
		}
	}

	for channel, err := range uma.Inbox(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(channel.Channel, "unread:", channel.Unread, "mentions:", channel.Mentions)
	}
	unread, err := uma.MarkRead(ctx, "news", 2)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("unread:", unread)
	// Output:
	// news unread: 3 mentions: 1
	// unread: 1
}

// A user's own channel reports unread messages in all others.
func ExampleClient_Subscribe_notifications() {
	ctx, server := context.Background(), development() // its address
	alice := client.New(server, client.Config{User: "alice"})
	nora := client.New(server, client.Config{User: "nora"})
	if err := nora.Join(ctx, "lounge"); err != nil {
		log.Fatal(err)
	}
	own := nora.Subscribe("@nora", client.Options{})
	defer own.Close()
	for {
		e, err := own.Next(ctx)
		if err != nil {
			log.Fatal(err)
		}
		switch e.Type {
		case "welcome":
			if _, err := alice.Publish(ctx, "lounge", client.Draft{Text: "hello"}); err != nil {
				log.Fatal(err)
			}
		case "unread":
			fmt.Println(e.Unread.Channel, "has", e.Unread.Unread, "of", e.Unread.Total, "unread")
			return
		}
	}
	// Output: lounge has 1 of 1 unread
}

// A channel for members only: create it, add a member, list them, mute it, leave it.
func ExampleClient_Members() {
	ctx, server := context.Background(), development() // its address
	alice := client.New(server, client.Config{User: "alice"})
	bob := client.New(server, client.Config{User: "bob"})
	title := "The team"
	if _, err := alice.CreateChannel(ctx, "team", client.Settings{Title: &title, Kind: "members"}); err != nil {
		log.Fatal(err)
	}
	if err := alice.PutMember(ctx, "team", "bob", "member"); err != nil {
		log.Fatal(err)
	}
	for m, err := range bob.Members(ctx, "team") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.User, m.Role)
	}
	if err := bob.Mute(ctx, "team", client.MuteButMentions); err != nil {
		log.Fatal(err)
	}
	if err := bob.Leave(ctx, "team"); err != nil {
		log.Fatal(err)
	}
	_, err := bob.History(ctx, "team", client.PageQuery{})
	if refusal, ok := errors.AsType[*client.Error](err); ok {
		fmt.Println(refusal.Code)
	}
	// Output:
	// alice owner
	// bob member
	// forbidden
}
