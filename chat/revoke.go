package chat

import (
	"context"
	"slices"

	"parley"
)

// Revoke makes all tokens of a user void that were issued until now, and cuts the user's
// streams off on every node within a second. It is for back ends, and for who
// administers every channel.
func (s *Service) Revoke(ctx context.Context, c Caller, user parley.UserID) error {
	if !c.everywhere() {
		return &parley.Error{Code: parley.CodeForbidden, Detail: "the caller may not revoke tokens", Hint: "use an API key, or a token with *=a"}
	}
	return s.takeRights(ctx, order{User: user}, func(ctx context.Context) error {
		return s.store.Revoke(ctx, user, parley.Timestamp(s.steady().UnixMicro()))
	})
}

// everywhere tells whether a caller administers every channel.
func (c Caller) everywhere() bool {
	return c.As != nil && (c.As.Service || slices.ContainsFunc(c.As.Grants, func(g Grant) bool { return g.Pattern == "*" && g.Rights&Administer != 0 }))
}
