package parley

// Store is what a system keeps beside presence and the bus: all of it on every node the same.
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
