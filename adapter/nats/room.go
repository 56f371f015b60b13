package nats

import "github.com/parley-server/parley"

// room lists the users in a channel, and their nodes: a list while there are few, and by name
// if there are many.
type room struct {
	few  []member
	many map[parley.UserID][]stay // nil: all are in few
}

type member struct {
	user parley.UserID
	stay
}

// stay says that a node has a user in a channel.
type stay struct {
	node       *lease
	since      parley.Timestamp
	transports parley.Transports
	hidden     bool
}

// maxFew stays are searched linearly.
const maxFew = 8

func (r *room) put(user parley.UserID, s stay) {
	r.remove(user, s.node)
	if r.many == nil && len(r.few) < maxFew {
		r.few = append(r.few, member{user, s})
		return
	}
	if r.many == nil {
		r.many = map[parley.UserID][]stay{}
		for _, m := range r.few {
			r.many[m.user] = append(r.many[m.user], m.stay)
		}
		r.few = nil
	}
	r.many[user] = append(r.many[user], s)
}

// remove reports whether the node had the user here.
func (r *room) remove(user parley.UserID, n *lease) bool {
	for i, m := range r.few {
		if m.user == user && m.node == n {
			r.few = append(r.few[:i], r.few[i+1:]...)
			return true
		}
	}
	stays := r.many[user]
	for i, s := range stays {
		if s.node == n {
			if stays = append(stays[:i], stays[i+1:]...); len(stays) == 0 {
				delete(r.many, user)
			} else {
				r.many[user] = stays
			}
			return true
		}
	}
	return false
}

// stays returns those of a user.
func (r *room) stays(user parley.UserID) (all []stay) {
	if r.many != nil {
		return r.many[user]
	}
	for _, m := range r.few {
		if m.user == user {
			all = append(all, m.stay)
		}
	}
	return all
}

func (r *room) each(do func(parley.UserID, stay)) {
	for _, m := range r.few {
		do(m.user, m.stay)
	}
	for user, stays := range r.many {
		for _, s := range stays {
			do(user, s)
		}
	}
}

// of returns the users whom a node has here.
func (r *room) of(n *lease) (users []parley.UserID) {
	r.each(func(user parley.UserID, s stay) {
		if s.node == n {
			users = append(users, user)
		}
	})
	return users
}

func (r *room) empty() bool { return len(r.few)+len(r.many) == 0 }
