// Package webhook delivers the entries of channels to HTTP endpoints of the operator, in order per channel and at least once.
// Each webhook is a durable reader of its channels: package worker keeps a cursor for each channel in the store, and lets one
// node at a time deliver. A webhook never loses its position; entries that the log no longer keeps are counted and reported.
package webhook
