package chat

import (
	"context"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

// Revoke voids all tokens of a user that were issued until now, and ends the user's streams on
// every node within a second. It is for back ends, and for callers who administer every
// channel.
func (s *Service) Revoke(ctx context.Context, c access.Caller, user parley.UserID) error {
	if !c.Everywhere() {
		return &parley.Error{
			Code:   parley.CodeForbidden,
			Detail: "the caller may not revoke tokens",
			Hint:   "use an API key, or a token with *=a",
		}
	}
	return s.takeRights(ctx, rightsChange{User: user}, func(ctx context.Context) error {
		return s.store.Revoke(ctx, user, parley.Timestamp(s.steady().UnixMicro()))
	})
}
