// Package chat is what one can do with parley: publish, read, follow, come and go,
// type. It asks for rights and applies limits; it knows no transport and no store.
package chat
