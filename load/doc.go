// Package load makes traffic whose every message can be accounted for, and then
// accounts for it: what was sent, acknowledged, stored and received, and what was
// lost, repeated or out of order. It talks to a server over the wire only and
// never decides whether a server is fast.
package load
