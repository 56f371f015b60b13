package auth

import (
	"errors"
	"net/http"
)

// maxKeySet is how large a set of public keys may be.
const maxKeySet = 1 << 20

// fetcher gets sets of public keys: from the URL that was configured and no other, and
// not without end.
func fetcher() *http.Client {
	return &http.Client{Transport: bounded{http.DefaultTransport}, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("it redirects; configure the URL that it redirects to")
	}}
}

// bounded lets no answer be larger than maxKeySet.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxKeySet)
	}
	return res, err
}
