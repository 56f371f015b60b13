// Package presence knows who is on this node and in its channels, and what the others
// are to be told of it: pure state and a clock that comes in from outside. It never
// sends anything to a client; its caller does.
//
//	table      very many small entries at little cost
//	room       who is in a channel: one user inline, more in a list
//	lease      who stays a while longer: pollers, and those who just left
//	Tracker    connections and polls in, comings and goings out
//	news       when and how a coming or going is told: tiers, and the budget of a storm
//	watch      who is to be told of whom
//	Keeper     what the other nodes are told, and are asked
package presence
