package parley

// Store is everything that a system stores apart from presence and the bus, the same on every
// node.
type Store interface {
	Log
	Index
	Reactions
	Roster
	Directory
	Revocations
	Keys
	Table
	Once
}
