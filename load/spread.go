package load

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
)

// spread is an http.RoundTripper that gives each request, and so each stream, to one of several
// nodes by chance: clients hop between them.
type spread struct {
	nodes []*url.URL

	mu  sync.Mutex
	rnd *rand.Rand
}

func newSpread(servers []string, seed uint64) (*spread, error) {
	s := &spread{rnd: rand.New(rand.NewPCG(seed, 2))}
	for _, server := range servers {
		u, err := url.Parse(server)
		if err != nil {
			return nil, err
		}
		s.nodes = append(s.nodes, u)
	}
	return s, nil
}

// RoundTrip implements http.RoundTripper.
func (s *spread) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	node := s.nodes[s.rnd.IntN(len(s.nodes))]
	s.mu.Unlock()
	to := r.Clone(r.Context())
	to.URL.Scheme, to.URL.Host, to.Host = node.Scheme, node.Host, ""
	return http.DefaultTransport.RoundTrip(to)
}
