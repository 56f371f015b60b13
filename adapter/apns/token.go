package apns

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Apple refuses a token that is older than an hour, and one that is replaced more often than every 20 minutes.
const (
	maxAge = 50 * time.Minute
	minAge = 20 * time.Minute
)

// tokens makes the provider token that all requests share.
type tokens struct {
	// fixed after construction
	key           *ecdsa.PrivateKey
	keyID, teamID string
	now           func() time.Time

	mu      sync.Mutex
	current string
	issued  time.Time // when current was made
	renewed time.Time // when renew last made one
}

// get returns the token, a new one if it is too old.
func (t *tokens) get() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now().Round(0) // Apple has the wall clock too, which goes on while a machine sleeps
	if age := now.Sub(t.issued); t.current != "" && age < maxAge && age > -time.Minute {
		return t.current, nil
	}
	return t.issueLocked(now)
}

// renew reports whether there is another token than the refused one. It makes one at most every 20 minutes: a key that is
// refused in general must not turn into a flood of tokens.
func (t *tokens) renew(refused string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current != refused {
		return true // another request has renewed it
	}
	now := t.now().Round(0)
	if !t.renewed.IsZero() && now.Sub(t.renewed) < minAge {
		return false
	}
	t.renewed = now
	_, err := t.issueLocked(now)
	return err == nil
}

func (t *tokens) issueLocked(now time.Time) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": t.teamID, "iat": now.Unix()})
	token.Header["kid"] = t.keyID
	signed, err := token.SignedString(t.key)
	if err != nil {
		return "", errors.New("APNs: the key cannot sign")
	}
	t.current, t.issued = signed, now
	return signed, nil
}

// readKey reads a private key of P-256 in PEM, as Apple gives it out.
func readKey(file string) (*ecdsa.PrivateKey, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("the key file %s has no PEM block: use the .p8 file as it was downloaded from Apple", file)
	}
	var key any
	if key, err = x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		key, err = x509.ParseECPrivateKey(block.Bytes)
	}
	if ec, ok := key.(*ecdsa.PrivateKey); err == nil && ok && ec.Curve == elliptic.P256() {
		return ec, nil
	}
	return nil, fmt.Errorf("the key file %s holds no private key of P-256: use the .p8 file of an APNs authentication key", file)
}
