// Package chat contains the use cases: publish, read, follow, enter, leave, type. It checks
// rights and applies limits; it depends on no transport and no store.
package chat
