// Package push decides which member receives which push notification, and when. It reads the log after the entries were
// stored, and sends through parley.Notifiers; it stores no messages and knows no provider.
//
// The log is the outbox. For each channel one node (package worker) reads the entries after a position and keeps a job
// for each member whom they concern and who is not looking:
//
//	entry ──▶ pending, due in Delay ──sent──▶ quiet until Window is over ──▶ none
//	             ▲      │ read, muted, online, left ──▶ quiet or none  │
//	             │      └──refused, try again──▶ pending, stored       │
//	             └──────────────── another entry ──────────────────────┘
//
// The position never passes the first entry of a pending job that is not stored, so a crash loses none: the next node
// reads those entries again. A notification that was sent just before the crash is then sent again, with the same
// collapse id.
package push
