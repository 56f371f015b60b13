package auth

import (
	"errors"
	"net/http"
)

// maxKeySet is the maximum size of a set of public keys, in bytes.
const maxKeySet = 1 << 20

// fetcher returns a client that fetches sets of public keys only from the configured URL, with
// limits on time and size.
func fetcher() *http.Client {
	return &http.Client{Transport: bounded{http.DefaultTransport}, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("it redirects; configure the URL that it redirects to")
	}}
}

// bounded limits responses to maxKeySet bytes.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxKeySet)
	}
	return res, err
}
