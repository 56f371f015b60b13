package limit

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/parley-server/parley"
)

// AnswersConfig limits the memory of responses. 0 means the default, a negative value no limit.
type AnswersConfig struct {
	User      int // bytes that a user's clients have not read yet; 16 MiB: two whole responses
	Node      int // for all clients; 64 MiB
	UserBuild int // responses to a user that are being built at once; others wait; 4
	NodeBuild int // to all; 16
	Answer    int // the largest response, in bytes, which is reserved while it is built; 8 MiB
}

// SmallAnswer is the size, in bytes, up to which a response is not counted: that much is buffered anyway.
const SmallAnswer = 16 << 10

// Answers counts the responses being built, and the bytes of those on their way to clients, which
// may read slowly or never. It is safe for concurrent use.
//
//	wait for a place ──Build──▶ being built ──Charge──▶ Built ──▶ being written ──Discharge──▶
//	                            Answer bytes     └──▶ refused: overloaded
//
// A response being built counts with the largest size against the same limit of bytes. If no response of a
// user, or none at all, is being built, one may always be: most responses are small, whatever is still unread.
type Answers struct {
	cfg AnswersConfig // fixed

	mu       sync.Mutex
	users    map[parley.UserID]*answers
	bytes    int
	building int
	waiting  []*builder // in their order
}

// answers are the counts of a user. Users without any are not kept.
type answers struct{ bytes, building int }

type builder struct {
	user parley.UserID
	turn chan struct{} // closed when it has a place
}

// NewAnswers creates Answers.
func NewAnswers(cfg AnswersConfig) *Answers {
	def := func(n *int, otherwise int) {
		switch {
		case *n == 0:
			*n = otherwise
		case *n < 0:
			*n = int(^uint(0) >> 1)
		}
	}
	def(&cfg.User, 16<<20)
	def(&cfg.Node, 64<<20)
	def(&cfg.UserBuild, 4)
	def(&cfg.NodeBuild, 16)
	if cfg.Answer <= 0 {
		cfg.Answer = 8 << 20
	}
	return &Answers{cfg: cfg, users: map[parley.UserID]*answers{}}
}

// Build waits for a place to build a response, which is occupied until Built is called; "" is a
// user without limits. An error means that no place became free before ctx ended.
func (a *Answers) Build(ctx context.Context, user parley.UserID) *parley.Error {
	a.mu.Lock()
	if a.buildLocked(user) {
		a.mu.Unlock()
		return nil
	}
	b := &builder{user, make(chan struct{})}
	a.waiting = append(a.waiting, b)
	a.mu.Unlock()
	select {
	case <-b.turn:
		return nil
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := slices.Index(a.waiting, b); i >= 0 {
		a.waiting = slices.Delete(a.waiting, i, i+1)
		return overloaded("answers", "too many answers are being built")
	}
	return nil // its turn came at the same time
}

func (a *Answers) buildLocked(user parley.UserID) bool {
	u := a.userLocked(user)
	if !a.fits(a.building, a.bytes, a.cfg.NodeBuild, a.cfg.Node) ||
		user != "" && !a.fits(u.building, u.bytes, a.cfg.UserBuild, a.cfg.User) {
		a.forgetLocked(user, u)
		return false
	}
	a.building++
	u.building++
	return true
}

// fits reports whether one more response may be built, given those being built and the bytes in transit.
func (a *Answers) fits(building, bytes, mostBuilt, most int) bool {
	return building == 0 || building < mostBuilt && bytes <= most-(building+1)*a.cfg.Answer
}

// Built ends what Build began, and frees the place.
func (a *Answers) Built(user parley.UserID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.userLocked(user)
	a.building--
	u.building--
	a.forgetLocked(user, u)
	a.letInLocked()
}

// letInLocked admits waiting builders, in order, as far as the limits allow.
func (a *Answers) letInLocked() {
	for i := 0; i < len(a.waiting) && a.fits(a.building, a.bytes, a.cfg.NodeBuild, a.cfg.Node); {
		b := a.waiting[i]
		if !a.buildLocked(b.user) {
			i++
			continue
		}
		a.waiting = slices.Delete(a.waiting, i, i+1)
		close(b.turn)
	}
}

// Charge counts the bytes of a response until Discharge, or refuses them.
func (a *Answers) Charge(user parley.UserID, n int) *parley.Error {
	if n <= SmallAnswer {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.userLocked(user)
	switch {
	case user != "" && u.bytes+n > a.cfg.User:
		a.forgetLocked(user, u)
		return overloaded("answers_user", fmt.Sprintf("%s has not read the answers before this one", user))
	case a.bytes+n > a.cfg.Node:
		a.forgetLocked(user, u)
		return overloaded("answers", "too many answers wait to be read")
	}
	a.bytes += n
	u.bytes += n
	return nil
}

// Discharge ends what Charge counted.
func (a *Answers) Discharge(user parley.UserID, n int) {
	if n <= SmallAnswer {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.userLocked(user)
	a.bytes -= n
	u.bytes -= n
	a.forgetLocked(user, u)
	a.letInLocked()
}

func (a *Answers) userLocked(user parley.UserID) *answers {
	u := a.users[user]
	if u == nil {
		u = &answers{}
		a.users[user] = u
	}
	return u
}

func (a *Answers) forgetLocked(user parley.UserID, u *answers) {
	if *u == (answers{}) {
		delete(a.users, user)
	}
}

func overloaded(reason, detail string) *parley.Error {
	return &parley.Error{
		Code:       parley.CodeOverloaded,
		Reason:     reason,
		Detail:     detail,
		RetryAfter: 2 * time.Second,
		Hint:       "read the answers, and retry after the given delay",
	}
}
