// Package auth identifies callers in production: JSON Web Tokens, API keys and tickets.
// Libraries do the cryptography; it decides nothing about channels.
package auth
