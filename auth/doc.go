// Package auth identifies callers in production: JSON Web Tokens, API keys and tickets.
// Cryptography is left to libraries; the package decides nothing about channels.
package auth
