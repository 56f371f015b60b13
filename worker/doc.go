// Package worker distributes channels among the nodes of a system for work on a channel's entries after they were
// stored: push notifications and webhooks. One node at a time works on a channel, from a position stored in the
// store. The package never delivers anything itself.
//
// A channel's row in the table names the node that works on it and the position up to which the work is done:
//
//	absent ──Take──▶ {node, position} ──Move──▶ {node, later position} ──idle──▶ {no node, position}
//	                        ▲                                                       │
//	                        └──────── Take, also when the node is not alive ────────┘
//
// Every step is a Swap, so only one of two nodes succeeds, and a node that was frozen learns that it has lost the channel. A node
// that takes a channel first notes it in its outbox: if it dies, another node finds the note (feed/outbox.go). A node that releases
// a channel reads its head afterwards, since another node may have appended just before, while the channel was still taken.
package worker
