// Package webhook delivers the entries of channels to HTTP endpoints of the operator, in order per channel and at least
// once. Each webhook is a durable reader of its channels: package worker keeps a cursor of each in the store, and has one
// node at a time deliver. It never loses its place; what the log no longer keeps is counted and reported.
package webhook
