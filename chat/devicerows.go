package chat

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/parley-server/parley"
)

// devices keeps devices in three kinds of rows, each of which is only swapped:
//
//	seats/USER     seats -> the ids of the user's devices, and when each was put
//	devices/USER   id -> the device
//	token/HASH     owner -> the user and the id of the one device that has the token
//
// A device receives pushes only if the row of its token names it. So whatever ends between the writes of the two rows, a token never
// belongs to two devices:
//
//	put      the seat, the device, then the token's row; then the device is removed that the row named before
//	remove   the device, the token's row, then the seat
type devices struct {
	table parley.Table
	clock func() time.Time
}

// deviceRow is the stored form of a device, after a byte that names the form.
type deviceRow struct {
	Platform parley.Platform  `json:"p"`
	App      string           `json:"a"`
	Token    string           `json:"t,omitempty"`
	Endpoint string           `json:"e,omitempty"`
	P256DH   []byte           `json:"k,omitempty"`
	Auth     []byte           `json:"h,omitempty"`
	Created  parley.Timestamp `json:"c"`
	Failed   parley.Timestamp `json:"f,omitempty"`
}

const deviceForm = 1

func encodeDevice(d *parley.Device) []byte {
	r := deviceRow{Platform: d.Platform, App: d.App, Token: d.Token, Created: d.Created, Failed: d.Failed}
	if s := d.Subscription; s != nil {
		r.Endpoint, r.P256DH, r.Auth = s.Endpoint, s.P256DH, s.Auth
	}
	text, _ := json.Marshal(r) // it has no field that cannot be written
	return append([]byte{deviceForm}, text...)
}

func decodeDevice(user parley.UserID, id string, b []byte) (d parley.Device, err error) {
	var r deviceRow
	if len(b) == 0 || b[0] != deviceForm {
		return d, fmt.Errorf("device %s of %s: its row has another form", id, user)
	}
	if err := json.Unmarshal(b[1:], &r); err != nil {
		return d, fmt.Errorf("device %s of %s: its row cannot be read", id, user) // err might contain a part of a token
	}
	d = parley.Device{User: user, ID: id, Platform: r.Platform, App: r.App, Token: r.Token, Created: r.Created, Failed: r.Failed}
	if r.Endpoint != "" {
		d.Subscription = &parley.Subscription{Endpoint: r.Endpoint, P256DH: r.P256DH, Auth: r.Auth}
	}
	return d, nil
}

func devicesOf(user parley.UserID) string { return "devices/" + string(user) }

// address identifies a device to its service; no two devices have the same.
func address(d *parley.Device) string {
	if d.Subscription != nil {
		return string(d.Platform) + "\x00" + d.Subscription.Endpoint
	}
	return string(d.Platform) + "\x00" + d.Token
}

// tokenOf returns the group of a device's token, which does not reveal the token.
func tokenOf(d *parley.Device) string {
	sum := sha256.Sum256([]byte(address(d)))
	return "token/" + hex.EncodeToString(sum[:])
}

const ownerKey = "owner"

// reference names a device in the row of its token. No user has a NUL in the name.
func reference(d *parley.Device) []byte { return []byte(string(d.User) + "\x00" + d.ID) }

func referred(b []byte) (user parley.UserID, id string) {
	u, i, _ := bytes.Cut(b, []byte{0})
	return parley.UserID(u), string(i)
}

func (s *devices) get(ctx context.Context, group, key string) ([]byte, error) {
	values, err := s.table.Get(ctx, group, key)
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

// stored are all rows of a user's devices. There are few more than maxDevices.
func (s *devices) stored(ctx context.Context, user parley.UserID) (all []parley.Device, err error) {
	for after := ""; ; {
		const page = 100
		rows, err := s.table.Rows(ctx, devicesOf(user), after, page)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			d, err := decodeDevice(user, r.Key, r.Value)
			if err != nil {
				return nil, err
			}
			all, after = append(all, d), r.Key
		}
		if len(rows) < page {
			return all, nil
		}
	}
}

func (s *devices) owns(ctx context.Context, d *parley.Device) (bool, error) {
	is, err := s.get(ctx, tokenOf(d), ownerKey)
	return bytes.Equal(is, reference(d)), err
}

// of returns a user's devices that have their tokens.
func (s *devices) of(ctx context.Context, user parley.UserID) (all []parley.Device, err error) {
	stored, err := s.stored(ctx, user)
	for i := range stored {
		owns := false
		if owns, err = s.owns(ctx, &stored[i]); err != nil {
			break
		}
		if owns {
			all = append(all, stored[i])
		}
	}
	if err != nil {
		return nil, fmt.Errorf("devices of %s: %w", user, err)
	}
	return all, nil
}

func (s *devices) put(ctx context.Context, d parley.Device) error {
	if err := s.takeSeat(ctx, &d); err != nil {
		return err
	}
	was, err := s.store(ctx, &d)
	if err == nil {
		err = s.own(ctx, &d)
	}
	if err == nil && was != nil && address(was) != address(&d) {
		err = s.disown(ctx, was)
	}
	if err != nil {
		return fmt.Errorf("put device %s of %s: %w", d.ID, d.User, err)
	}
	return nil
}

// tries is how often a swap is repeated for a row that others change at the same time.
const tries = 100

var errBusy = fmt.Errorf("%w: others change it all the time", parley.ErrUnavailable)

// store stores the row of a device, and returns the device that had its name.
func (s *devices) store(ctx context.Context, d *parley.Device) (was *parley.Device, err error) {
	row := parley.Row{Key: d.ID, Value: encodeDevice(d)}
	for range tries {
		old, err := s.get(ctx, devicesOf(d.User), d.ID)
		if err != nil {
			return nil, err
		}
		if old != nil {
			if w, err := decodeDevice(d.User, d.ID, old); err == nil { // one that cannot be read is replaced
				was = &w
			}
		}
		swapped, err := s.table.Swap(ctx, devicesOf(d.User), old, row)
		if err != nil || swapped {
			return was, err
		}
	}
	return nil, errBusy
}

// own assigns a device its token, and removes the device that had it.
func (s *devices) own(ctx context.Context, d *parley.Device) error {
	group, mine := tokenOf(d), reference(d)
	for range tries {
		old, err := s.get(ctx, group, ownerKey)
		if err != nil || bytes.Equal(old, mine) {
			return err
		}
		swapped, err := s.table.Swap(ctx, group, old, parley.Row{Key: ownerKey, Value: mine})
		switch {
		case err != nil:
			return err
		case swapped && old != nil:
			other := *d
			other.User, other.ID = referred(old)
			return s.remove(ctx, other.User, other.ID, &other)
		case swapped:
			return nil
		}
	}
	return errBusy
}

// disown removes a token from a device that has it.
func (s *devices) disown(ctx context.Context, d *parley.Device) error {
	swapped, err := s.table.Swap(ctx, tokenOf(d), reference(d), parley.Row{Key: ownerKey})
	if err != nil || !swapped {
		return err
	}
	now, err := s.get(ctx, devicesOf(d.User), d.ID)
	if err != nil || now == nil {
		return err
	}
	if is, err := decodeDevice(d.User, d.ID, now); err == nil && address(&is) == address(d) { // it was put again in the meantime
		return s.own(ctx, &is)
	}
	return nil
}

// remove removes a device; with an address in but, only while it has that address.
func (s *devices) remove(ctx context.Context, user parley.UserID, id string, but *parley.Device) error {
	for range tries {
		old, err := s.get(ctx, devicesOf(user), id)
		if err == nil && old == nil && but == nil {
			err = s.leaveSeat(ctx, user, id) // which an interrupted call may have left
		}
		if err != nil || old == nil {
			return err
		}
		d, unreadable := decodeDevice(user, id, old)
		if but != nil && (unreadable != nil || address(&d) != address(but)) {
			return nil
		}
		swapped, err := s.table.Swap(ctx, devicesOf(user), old, parley.Row{Key: id})
		if err == nil && swapped && unreadable == nil {
			err = s.disown(ctx, &d)
		}
		if err == nil && swapped {
			err = s.leaveSeat(ctx, user, id)
		}
		if err != nil {
			return fmt.Errorf("remove device %s of %s: %w", id, user, err)
		}
		if swapped {
			return nil
		}
	}
	return fmt.Errorf("remove device %s of %s: %w", id, user, errBusy)
}

// failed records when an attempt was refused.
func (s *devices) failed(ctx context.Context, d parley.Device, at parley.Timestamp) error {
	for range tries {
		old, err := s.get(ctx, devicesOf(d.User), d.ID)
		if err != nil || old == nil {
			return err
		}
		is, err := decodeDevice(d.User, d.ID, old)
		if err != nil || address(&is) != address(&d) || is.Failed == at {
			return err
		}
		is.Failed = at
		swapped, err := s.table.Swap(ctx, devicesOf(d.User), old, parley.Row{Key: d.ID, Value: encodeDevice(&is)})
		if errors.Is(err, parley.ErrUnknown) || swapped { // a later attempt reports the same
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
