// Package redis keeps what nodes share in a Redis that the user runs: one server or a Redis Cluster, version 7
// or later. It never delivers to clients, does not log and does not count.
//
//	Bus       passes envelopes on, over Pub/Sub
//	Store     channels, members, what follows from entries, keys, revocations, and what happens once
//	Presence  who is on which node, by leases of the server's clock
//
// All keys and channels begin with Config.Prefix. What belongs to a channel has the channel's name as its hash
// tag, and so lies in one slot of a Cluster; no script touches two slots.
package redis
