// Package worker distributes channels among the nodes of a system for work on a channel's entries after they were
// stored: push notifications and webhooks. One node at a time works on a channel, from a position that is kept
// in the store. It never delivers anything itself.
//
// A channel's row in the table names the node that works on it and how far the work is done:
//
//	absent ──Take──▶ {node, position} ──Move──▶ {node, later position} ──idle──▶ {no node, position}
//	                        ▲                                                       │
//	                        └──────── Take, also when the node is not alive ────────┘
//
// Every step is a Swap, so only one of two nodes succeeds, and a node that was frozen learns that it has lost the channel.
// A node that takes a channel notes it in its outbox first: when it dies, another one finds the note (feed/outbox.go).
// A node that releases a channel reads its head afterwards, since another node may have appended just before, when the
// channel was still taken.
package worker
