package chat

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/parley-server/parley"
)

// seats are the ids of a user's devices, and when each was put: one row, so there are never more than maxDevices.
type seats map[string]parley.Timestamp

const seatsKey = "seats"

func seatsOf(user parley.UserID) string { return "seats/" + string(user) }

func (s *devices) seats(ctx context.Context, user parley.UserID) (is seats, row []byte, err error) {
	row, err = s.get(ctx, seatsOf(user), seatsKey)
	is = seats{}
	if err != nil || row == nil {
		return is, row, err
	}
	if row[0] != deviceForm || json.Unmarshal(row[1:], &is) != nil {
		return is, row, fmt.Errorf("the list of devices of %s cannot be read", user)
	}
	return is, row, nil
}

func (s *devices) setSeats(ctx context.Context, user parley.UserID, old []byte, is seats) (swapped bool, err error) {
	row := parley.Row{Key: seatsKey}
	if len(is) > 0 {
		text, err := json.Marshal(is)
		if err != nil {
			return false, err
		}
		row.Value = append([]byte{deviceForm}, text...)
	}
	return s.table.Swap(ctx, seatsOf(user), old, row)
}

// takeSeat notes that a device is about to be put, or refuses one more than a user may have.
func (s *devices) takeSeat(ctx context.Context, d *parley.Device) error {
	for range tries {
		is, old, err := s.seats(ctx, d.User)
		if err != nil {
			return fmt.Errorf("put device %s of %s: %w", d.ID, d.User, err)
		}
		if _, has := is[d.ID]; !has && len(is) >= maxDevices {
			if err := s.freeSeats(ctx, d.User, is); err != nil {
				return fmt.Errorf("put device %s of %s: %w", d.ID, d.User, err)
			}
			if len(is) >= maxDevices {
				return &parley.Error{Code: parley.CodeConflict, Detail: fmt.Sprintf("the user has %d devices already", maxDevices),
					Hint: "delete one that is not used"}
			}
		}
		is[d.ID] = d.Created
		if swapped, err := s.setSeats(ctx, d.User, old, is); err != nil || swapped {
			return err
		}
	}
	return errBusy
}

// freeSeats frees the seats of devices without a token, unless a call may still be about to complete them.
func (s *devices) freeSeats(ctx context.Context, user parley.UserID, is seats) error {
	for id, at := range is {
		if at >= parley.Timestamp(s.clock().Add(-2*orderTime).UnixMicro()) {
			continue
		}
		row, err := s.get(ctx, devicesOf(user), id)
		if err != nil {
			return err
		}
		if row != nil {
			d, err := decodeDevice(user, id, row)
			owns := false
			if err == nil {
				owns, err = s.owns(ctx, &d)
			}
			if err != nil || owns {
				continue
			}
			if _, err := s.table.Swap(ctx, devicesOf(user), row, parley.Row{Key: id}); err != nil {
				return err
			}
		}
		delete(is, id)
	}
	return nil
}

// leaveSeat frees the seat of a removed device.
func (s *devices) leaveSeat(ctx context.Context, user parley.UserID, id string) error {
	for range tries {
		is, old, err := s.seats(ctx, user)
		if _, has := is[id]; err != nil || !has {
			return err
		}
		delete(is, id)
		if swapped, err := s.setSeats(ctx, user, old, is); err != nil || swapped {
			return err
		}
	}
	return errBusy
}
