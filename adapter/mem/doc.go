// Package mem provides, in this process's memory, a store, presence and a bus that several nodes can
// share. It serves a node that is alone, and tests of several nodes in one process, which can
// make the store stall, lose answers, and begin a new epoch.
//
//	Store      channels, members, what is derived from entries; Open returns a node's Handle
//	Presence   which users are on which node
//	Once       events that may happen only once in the whole system
//	Broker     passes envelopes on; Open returns a node's Bus
package mem
