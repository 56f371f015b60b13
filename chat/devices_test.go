package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/feed"
)

// pushing returns a service with all platforms configured.
func pushing(log chat.Store, clock func() time.Time) *chat.Service {
	return chat.New(log, feed.New(log, feed.Config{}), chat.Config{Clock: clock, Push: chat.PushConfig{
		Has: func(_ parley.Platform, app string) bool { return app == "default" || app == "other" },
	}})
}

func token(id, token string) parley.Device {
	return parley.Device{ID: id, Platform: parley.PlatformAPNs, Token: token}
}

// deviceNames returns a user's devices with their tokens.
func deviceNames(t *testing.T, s *chat.Service, user parley.UserID) (all []string) {
	t.Helper()
	ds, err := s.Devices(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range ds {
		all = append(all, d.ID+"="+d.Token)
	}
	return all
}

func wantDevices(t *testing.T, s *chat.Service, user parley.UserID, want ...string) {
	t.Helper()
	if got := deviceNames(t, s, user); !slices.Equal(got, want) {
		t.Fatalf("devices of %s: %v, want %v", user, got, want)
	}
}

func putDevice(t *testing.T, s *chat.Service, user parley.UserID, d parley.Device) {
	t.Helper()
	if err := s.PutDevice(t.Context(), dev(user), d); err != nil {
		t.Fatal(err)
	}
}

func TestDevicesAreAddedMovedAndRemoved(t *testing.T) {
	now := time.Unix(1_774_684_800, 0)
	store := mem.NewStore(mem.StoreConfig{})
	s, other := pushing(store.Open(), func() time.Time { return now }), pushing(store.Open(), time.Now)
	wantDevices(t, s, "alice")
	putDevice(t, s, "alice", token("phone", "A"))
	putDevice(t, other, "alice", token("tablet", "B"))
	putDevice(t, s, "bob", token("phone", "C"))
	wantDevices(t, other, "alice", "phone=A", "tablet=B")
	ds, err := s.Devices(t.Context(), "alice")
	if d := ds[0]; err != nil || d.User != "alice" || d.App != "default" || d.Created != parley.Timestamp(now.UnixMicro()) || d.Failed != 0 {
		t.Errorf("%+v, %v", d, err)
	}
	putDevice(t, other, "alice", token("phone", "A2")) // the same device with another token
	wantDevices(t, s, "alice", "phone=A2", "tablet=B")
	putDevice(t, s, "carol", token("x", "A")) // no device has this token any more
	wantDevices(t, s, "carol", "x=A")
	putDevice(t, s, "bob", token("second", "A2")) // until now alice's
	wantDevices(t, s, "alice", "tablet=B")
	wantDevices(t, s, "bob", "phone=C", "second=A2")
	putDevice(t, s, "bob", token("third", "A2")) // under another name
	wantDevices(t, s, "bob", "phone=C", "third=A2")
	putDevice(t, s, "bob", token("third", "A2")) // again
	wantDevices(t, s, "bob", "phone=C", "third=A2")
	fcm := token("fcm", "C") // the same token of another platform is a different one
	fcm.Platform = parley.PlatformFCM
	putDevice(t, s, "alice", fcm)
	wantDevices(t, s, "bob", "phone=C", "third=A2")
	for range 2 {
		if err := s.DeleteDevice(t.Context(), dev("bob"), "third"); err != nil {
			t.Fatal(err)
		}
	}
	wantDevices(t, s, "bob", "phone=C")
	putDevice(t, s, "alice", token("phone", "A2"))
	wantDevices(t, s, "alice", "fcm=C", "phone=A2", "tablet=B")
}

func TestWorkerReportsAboutDevices(t *testing.T) {
	s := pushing(mem.NewStore(mem.StoreConfig{}).Open(), time.Now)
	putDevice(t, s, "alice", token("phone", "A"))
	listed := func() parley.Device {
		t.Helper()
		ds, err := s.Devices(t.Context(), "alice")
		if err != nil || len(ds) != 1 {
			t.Fatal(ds, err)
		}
		return ds[0]
	}
	was := listed()
	for _, at := range []parley.Timestamp{5, 5, 7, 0, 9} {
		if err := s.MarkFailed(t.Context(), was, at); err != nil {
			t.Fatal(err)
		}
		if got := listed().Failed; got != at {
			t.Errorf("failed at %v, want %v", got, at)
		}
	}
	putDevice(t, s, "alice", token("phone", "A2"))
	if got := listed().Failed; got != 0 {
		t.Errorf("a new token has failed at %v", got)
	}
	// Reports about the device's previous token have no effect.
	if err := errors.Join(s.MarkFailed(t.Context(), was, 11), s.RemoveDevice(t.Context(), was)); err != nil {
		t.Fatal(err)
	}
	if d := listed(); d.Failed != 0 || d.Token != "A2" {
		t.Errorf("%+v", d)
	}
	now := listed()
	if err := errors.Join(s.RemoveDevice(t.Context(), now), s.RemoveDevice(t.Context(), now), s.MarkFailed(t.Context(), now, 5)); err != nil {
		t.Fatal(err)
	}
	wantDevices(t, s, "alice")
}

// A node may end, or lose the store, after any write: no token then belongs to two devices, and the next try completes.
func TestATokenNeverHasTwoDevices(t *testing.T) {
	for _, how := range []mem.Failure{mem.Refused, mem.Unstored, mem.Unanswered} {
		for writes := range 7 {
			t.Run(fmt.Sprintf("failure %d after %d writes", how, writes), func(t *testing.T) {
				store := mem.NewStore(mem.StoreConfig{})
				breaks := &failing{Handle: store.Open(), after: writes, how: how}
				s, sound := pushing(breaks, time.Now), pushing(store.Open(), time.Now)
				putDevice(t, sound, "alice", token("old", "A"))
				putDevice(t, sound, "bob", token("phone", "B"))
				breaks.armed.Store(true)
				err := s.PutDevice(t.Context(), dev("bob"), token("phone", "A"))
				breaks.armed.Store(false)
				all := slices.Concat(deviceNames(t, sound, "alice"), deviceNames(t, sound, "bob"))
				if n := strings.Count(fmt.Sprint(all), "=A"); n > 1 || n == 0 && err == nil {
					t.Errorf("after %v: %v", err, all)
				}
				putDevice(t, s, "bob", token("phone", "A"))
				wantDevices(t, sound, "alice")
				wantDevices(t, sound, "bob", "phone=A")
				putDevice(t, sound, "carol", token("x", "B"))
				wantDevices(t, sound, "carol", "x=B")
			})
		}
	}
}

// failing is a handle whose writes all fail after a number of them.
type failing struct {
	*mem.Handle
	after int
	how   mem.Failure
	armed atomic.Bool
	n     int
}

func (f *failing) Swap(ctx context.Context, group string, old []byte, r parley.Row) (bool, error) {
	if f.armed.Load() {
		if f.n++; f.n > f.after {
			f.Fail(f.how)
		}
	}
	return f.Handle.Swap(ctx, group, old, r)
}

func TestOneOfManyUsersHasAToken(t *testing.T) {
	const users = 16
	store := mem.NewStore(mem.StoreConfig{})
	for range 20 {
		var wait sync.WaitGroup
		for i := range users {
			wait.Go(func() {
				s := pushing(store.Open(), time.Now)
				err := s.PutDevice(t.Context(), dev(parley.UserID(fmt.Sprint("u", i))), token(fmt.Sprint("d", i%3), "A"))
				if err != nil && !errors.Is(err, parley.ErrUnavailable) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		var all []string
		for i := range users {
			all = append(all, deviceNames(t, pushing(store.Open(), time.Now), parley.UserID(fmt.Sprint("u", i)))...)
		}
		if len(all) != 1 {
			t.Fatalf("%d devices have the token: %v", len(all), all)
		}
	}
}

func TestAUserHasOnlySoManyDevices(t *testing.T) {
	store := mem.NewStore(mem.StoreConfig{})
	s := pushing(store.Open(), time.Now)
	var wait sync.WaitGroup
	var kept, refused atomic.Int64
	for i := range 30 {
		wait.Go(func() {
			err := pushing(store.Open(), time.Now).PutDevice(t.Context(), dev("alice"), token(fmt.Sprint("d", i), fmt.Sprint("t", i)))
			switch {
			case err == nil:
				kept.Add(1)
			case parley.AsError(err).Code == parley.CodeConflict:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wait.Wait()
	all := deviceNames(t, s, "alice")
	if kept.Load() != int64(len(all)) || len(all) != 20 || refused.Load() != 10 {
		t.Fatalf("%d were kept and %d refused, and there are %d", kept.Load(), refused.Load(), len(all))
	}
	for i := len(all); i < 20; i++ {
		putDevice(t, s, "alice", token(fmt.Sprint("more", i), fmt.Sprint("more", i)))
	}
	err := s.PutDevice(t.Context(), dev("alice"), token("one", "one"))
	if e := parley.AsError(err); err == nil || e.Code != parley.CodeConflict {
		t.Fatalf("the 21st: %v", err)
	}
	id, _, _ := strings.Cut(deviceNames(t, s, "alice")[3], "=")
	putDevice(t, s, "alice", token(id, "new")) // again
	putDevice(t, s, "bob", token("taken", "new"))
	putDevice(t, s, "alice", token("one", "one")) // there is room now
	if err := s.DeleteDevice(t.Context(), dev("alice"), "one"); err != nil {
		t.Fatal(err)
	}
	putDevice(t, s, "alice", token("two", "two"))
}

// What incomplete calls have left is removed once they can no longer complete.
func TestLeftoversDoNotCountAsDevices(t *testing.T) {
	now := time.Unix(1_774_684_800, 0)
	store := mem.NewStore(mem.StoreConfig{})
	breaks := &failing{Handle: store.Open(), after: 2, how: mem.Refused} // the seat and the device are stored
	s := pushing(breaks, func() time.Time { return now })
	for i := range 20 {
		breaks.armed.Store(true)
		breaks.n = 0
		if err := s.PutDevice(t.Context(), dev("alice"), token(fmt.Sprint("left", i), fmt.Sprint(i))); err == nil {
			t.Fatal("no failure")
		}
	}
	breaks.armed.Store(false)
	wantDevices(t, s, "alice")
	if err := s.PutDevice(t.Context(), dev("alice"), token("a", "a")); err == nil || parley.AsError(err).Code != parley.CodeConflict {
		t.Fatalf("others may be about to be completed: %v", err)
	}
	putDevice(t, s, "alice", token("left3", "3"))
	now = now.Add(time.Hour)
	putDevice(t, s, "alice", token("a", "a"))
	wantDevices(t, s, "alice", "a=a", "left3=3")
	rows, err := store.Open().Rows(t.Context(), "devices/alice", "", 100)
	if err != nil || len(rows) != 2 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestInvalidDevices(t *testing.T) {
	s := pushing(mem.NewStore(mem.StoreConfig{}).Open(), time.Now)
	web := func(endpoint string, key, auth int) parley.Device {
		return parley.Device{ID: "w", Platform: parley.PlatformWebPush, Subscription: &parley.Subscription{Endpoint: endpoint,
			P256DH: make([]byte, key), Auth: make([]byte, auth)}}
	}
	long := "https://push.example.com/" + strings.Repeat("x", 4<<10)
	both := web("https://push.example.com/1", 65, 16)
	both.Token = "t"
	tokenAndSub := token("w", "t")
	tokenAndSub.Subscription = both.Subscription
	app := token("w", "t")
	app.App = "unknown"
	for name, d := range map[string]parley.Device{
		"no platform": {ID: "w", Token: "t"}, "another platform": {ID: "w", Platform: "sms", Token: "t"},
		"no token": token("w", ""), "a long token": token("w", strings.Repeat("x", 4<<10+1)), "a token of two lines": token("w", "a\nb"),
		"a token with a subscription": tokenAndSub, "a subscription with a token": both,
		"no subscription": {ID: "w", Platform: parley.PlatformWebPush}, "no endpoint": web("", 65, 16), "a path": web("/push", 65, 16),
		"another scheme": web("file:///etc/passwd", 65, 16), "no host": web("https:///x", 65, 16),
		"a password": web("https://a:b@push.example.com/x", 65, 16), "a long endpoint": web(long, 65, 16), "a short key": web(
			"https://push.example.com/1", 64, 16), "a short secret": web("https://push.example.com/1", 65, 15), "another app": app,
	} {
		err := s.PutDevice(t.Context(), dev("alice"), d)
		if e := parley.AsError(err); err == nil || e.Code != parley.CodeBadRequest || e.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, d := range []parley.Device{web("http://127.0.0.1:9/x?y", 65, 16), token("t", strings.Repeat("x", 4<<10)), token("t:1", "fcm:~")} {
		putDevice(t, s, "alice", d)
	}
	ds, err := s.Devices(t.Context(), "alice")
	if err != nil || len(ds) != 3 || ds[2].Subscription == nil || len(ds[2].Subscription.Auth) != 16 || ds[2].Token != "" {
		t.Errorf("%+v, %v", ds, err)
	}
	for _, c := range []access.Caller{{User: parley.Guest}, dev(parley.Guest)} {
		_, err := s.OwnDevices(t.Context(), c)
		for _, err := range []error{err, s.PutDevice(t.Context(), c, token("t", "t")), s.DeleteDevice(t.Context(), c, "t")} {
			if err == nil || parley.AsError(err).Code != parley.CodeForbidden {
				t.Errorf("a guest's device: %v", err)
			}
		}
	}
	none := chat.New(mem.NewStore(mem.StoreConfig{}).Open(), feed.New(mem.NewStore(mem.StoreConfig{}).Open(), feed.Config{}), chat.Config{})
	for platform, setting := range map[parley.Platform]string{parley.PlatformAPNs: "--push-apns-key-file",
		parley.PlatformFCM: "--push-fcm-credentials-file", parley.PlatformWebPush: "--push-webpush-subject"} {
		d := token("w", "t")
		if d.Platform = platform; platform == parley.PlatformWebPush {
			d = web("https://push.example.com/1", 65, 16)
		}
		err := none.PutDevice(t.Context(), dev("alice"), d)
		if e := parley.AsError(err); err == nil || e.Code != parley.CodeBadRequest || !strings.Contains(e.Hint, setting) {
			t.Errorf("%s, which is not configured: %v, hint %q", platform, err, e.Hint)
		}
	}
	if _, err := none.PushKey(t.Context(), dev("alice")); err == nil || parley.AsError(err).Code != parley.CodeNotFound {
		t.Errorf("the key of a server without Web Push: %v", err)
	}
}
