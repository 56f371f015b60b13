package chat

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

// Fanout is how a channel's messages reach its readers.
type Fanout string

// The fan-outs; docs/fanout.md has the cost of each.
const (
	OnWrite Fanout = "write"  // every stream receives every message; the default
	OnRead  Fanout = "read"   // streams and members receive "more" at most once a second, and then read
	Tiered  Fanout = "tiered" // streams receive every message, other members as with OnRead
)

// Namespace holds the settings of all channels whose names begin with a prefix. Zero fields are
// the defaults.
type Namespace struct {
	Prefix    string
	Kind      parley.ChannelKind // of channels whose settings have none; public, dm: always members
	Fanout    Fanout             // write
	Publish   parley.Role        // the lowest role that may post: member (the default), admin or owner; back ends always may
	Retention parley.Retention   // of channels whose settings have none; the node's
	MaxText   int                // bytes; 16 KiB, which is also the maximum
	MaxData   int                // bytes; 64 KiB, which is also the maximum
	Each      int                // up to this many users present, each arrival and departure is announced; 100
	Batch     int                // above it only counts are sent; 5,000
	Quiet     bool               // arrivals and departures are not announced; then Each and Batch are unused
}

// Namespaces are sorted, the longest prefix first. nil has the defaults.
type Namespaces []Namespace

// NewNamespaces checks and sorts. dm: is for members whether it is given or not.
func NewNamespaces(given []Namespace) (Namespaces, error) {
	all := slices.Clone(given)
	if !slices.ContainsFunc(all, func(n Namespace) bool { return n.Prefix == "dm:" }) {
		all = append(all, Namespace{Prefix: "dm:"})
	}
	for i := range all {
		if n := &all[i]; n.direct() && n.Kind == "" {
			n.Kind = parley.KindMembers
		}
	}
	slices.SortFunc(all, func(a, b Namespace) int {
		return cmp.Or(len(b.Prefix)-len(a.Prefix), strings.Compare(a.Prefix, b.Prefix))
	})
	for i, n := range all {
		if err := n.check(); err != nil {
			return nil, fmt.Errorf("namespace %q: %w", n.Prefix, err)
		}
		if i > 0 && all[i-1].Prefix == n.Prefix {
			return nil, fmt.Errorf("namespace %q is given twice", n.Prefix)
		}
	}
	return all, nil
}

// direct reports whether a namespace's channels are direct ones.
func (n *Namespace) direct() bool { return strings.HasPrefix(n.Prefix, "dm:") }

func (n *Namespace) check() error {
	if _, err := parley.ParseChannel(strings.TrimPrefix(n.Prefix, "@") + "x"); err != nil {
		return fmt.Errorf("no channel's name begins so")
	}
	switch {
	case n.Prefix == "":
		return fmt.Errorf("the prefix is empty")
	case n.Kind != "" && n.Kind != parley.KindPublic && n.Kind != parley.KindMembers:
		return fmt.Errorf("there is no kind %q: public or members", n.Kind)
	case n.direct() && n.Kind == parley.KindPublic:
		return fmt.Errorf("direct channels can't be public")
	case n.Prefix[0] == '@' && n.Kind != "":
		return fmt.Errorf("a user's own channel has no kind: it is that user's")
	case n.Fanout != "" && n.Fanout != OnWrite && n.Fanout != OnRead && n.Fanout != Tiered:
		return fmt.Errorf("there is no fanout %q: write, read or tiered", n.Fanout)
	case n.Publish != "" && n.Publish != parley.RoleMember && n.Publish != parley.RoleAdmin && n.Publish != parley.RoleOwner:
		return fmt.Errorf("publish can't be %q: member, admin or owner", n.Publish)
	case n.Retention.Messages < 0 || n.Retention.Seconds < 0 || n.MaxText < 0 || n.MaxData < 0 || n.Each < 0 || n.Batch < 0:
		return fmt.Errorf("a limit must not be negative")
	case n.Each > 0 && n.Batch > 0 && n.Batch < n.Each:
		return fmt.Errorf(
			"presence: batch %d is less than each %d: say how large a channel may be for each coming to be told, then for names", n.Batch,
			n.Each)
	case n.Quiet && (n.Each > 0 || n.Batch > 0):
		return fmt.Errorf("presence is off, and sizes are given for it")
	case n.MaxText > parley.MaxText || n.MaxData > parley.MaxData:
		return fmt.Errorf("texts are at most %d bytes and data %d", parley.MaxText, parley.MaxData)
	}
	return nil
}

// Of returns the namespace of a channel: that of the longest prefix of its name.
func (ns Namespaces) Of(channel parley.ChannelID) Namespace {
	for i := range ns {
		if strings.HasPrefix(string(channel), ns[i].Prefix) {
			return ns[i]
		}
	}
	return Namespace{}
}

// OnRead reports whether a channel's streams are notified only that there is more.
func (ns Namespaces) OnRead(channel parley.ChannelID) bool { return ns.Of(channel).Fanout == OnRead }

// Retention returns the retention of a channel whose settings have none, zero if its namespace
// has none either.
func (ns Namespaces) Retention(channel parley.ChannelID) parley.Retention {
	return ns.Of(channel).Retention
}

// fits refuses text and data, nil for none, that are larger than the namespace allows.
func (n *Namespace) fits(text *string, data *json.RawMessage) error {
	sizes := [2]int{}
	if text != nil {
		sizes[0] = len(*text)
	}
	if data != nil {
		sizes[1] = len(*data)
	}
	for _, part := range [...]struct {
		name       string
		size, most int
	}{{"text", sizes[0], n.MaxText}, {"data", sizes[1], n.MaxData}} {
		if part.most > 0 && part.size > part.most {
			return &parley.Error{
				Code:   parley.CodeTooLarge,
				Detail: fmt.Sprintf("%s has %d bytes, the limit in %s… is %d", part.name, part.size, n.Prefix, part.most),
				Hint:   "send less, or a link to it",
			}
		}
	}
	return nil
}

// mayPublish reports whether a user who may write to a channel may also post there.
func (n *Namespace) mayPublish(c access.Caller, channel parley.ChannelID, a facts) bool {
	switch n.Publish {
	case parley.RoleAdmin:
		return access.Rights(c, channel, a.kind, a.role)&access.Administer != 0
	case parley.RoleOwner:
		return a.role == parley.RoleOwner || c.As != nil && c.As.Service
	default:
		return true
	}
}
