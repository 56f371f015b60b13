// Package mem keeps in this process's memory what several nodes keep in a store and a bus that
// they share. It serves a node that is alone, and tests of several nodes in one process, which can
// make the store stall, lose answers, and begin a new epoch.
//
//	Store      channels, members, what follows from entries; Open gives each node its Handle
//	Presence   who is on which node
//	Once       what happens once in the whole system
//	Broker     passes envelopes on; Open gives each node its Bus
package mem
