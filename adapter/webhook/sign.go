package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	secretPrefix = "whsec_"
	minSecret    = 16 // the specification requires 24 to 64 bytes
)

// Secrets sign requests. While one secret replaces another there are two, and each request has both signatures.
type Secrets struct{ keys [][]byte }

// ReadSecrets reads a file with one secret per line, each whsec_ and base64.
func ReadSecrets(file string) (Secrets, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return Secrets{}, fmt.Errorf("read the secret file of a webhook: %w", err)
	}
	s, err := ParseSecrets(string(b))
	if err != nil {
		return Secrets{}, fmt.Errorf("the secret file %s: %w", file, err)
	}
	return s, nil
}

// ParseSecrets is ReadSecrets for the content of the file.
func ParseSecrets(text string) (s Secrets, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		encoded, ok := strings.CutPrefix(line, secretPrefix)
		key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
		if !ok || err != nil {
			return Secrets{}, errors.New("a line is not a secret: write whsec_ and base64, as by echo whsec_$(head -c 32 /dev/urandom | base64)")
		}
		if len(key) < minSecret {
			return Secrets{}, fmt.Errorf("a secret is shorter than %d bytes", minSecret)
		}
		s.keys = append(s.keys, key)
	}
	if len(s.keys) == 0 {
		return Secrets{}, errors.New("it holds no secret: write whsec_ and base64, as by echo whsec_$(head -c 32 /dev/urandom | base64)")
	}
	return s, nil
}

// String shows no secret.
func (s Secrets) String() string { return fmt.Sprintf("%d secrets of a webhook", len(s.keys)) }

// GoString shows no secret.
func (s Secrets) GoString() string { return s.String() }

// sign returns the values of webhook-timestamp and webhook-signature (Standard Webhooks, "Signature scheme").
func (s Secrets) sign(id string, at time.Time, body []byte) (timestamp, signatures string) {
	timestamp = strconv.FormatInt(at.Unix(), 10)
	all := make([]string, 0, len(s.keys))
	for _, key := range s.keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return timestamp, strings.Join(all, " ")
}
