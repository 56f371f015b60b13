// Package parley is the domain of a real-time messaging server: one durable, ordered log per
// channel, and cursors into it. It contains the types that every other package shares and the
// contracts that adapters implement; it does no I/O and imports the standard library only.
//
// Five sentences explain the rest:
//
//  1. The log is the truth; everything that announces a message is a hint.
//  2. A client is a cursor and a bell. It has no queue.
//  3. A transport is a way to call Next.
//  4. A message is encoded once per wire form.
//  5. The store is read in pages.
package parley
