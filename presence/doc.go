// Package presence tracks which users are on this node and in its channels, and what other
// users must learn of it: pure state, with the time as a parameter. It never
// sends anything to a client; its caller does.
//
//	table      very many small entries at little cost
//	room       who is in a channel: one user inline, more in a list
//	lease      users who stay for a limited time: pollers, and those who just left
//	Tracker    connections and polls in, arrivals and departures out
//	news       when and how an arrival or departure is sent: tiers, and the budget in a storm
//	watch      which watchers receive whose status
//	Keeper     what is written to the other nodes, and read from them
package presence
