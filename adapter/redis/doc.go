// Package redis stores the state that nodes share in the operator's Redis: one server or a Redis Cluster, version 7
// or later. It never delivers to clients, and neither logs nor counts.
//
//	Bus       passes envelopes on, over Pub/Sub
//	Store     channels, members, what is derived from entries, keys, revocations, and things that happen once
//	Presence  which users are on which node, by leases of the server's clock
//
// All keys and channels begin with Config.Prefix. The keys of a channel have the channel's name as their hash
// tag, so they are in one slot of a Cluster; no script uses two slots.
package redis
