package load

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
)

// spread is an http.RoundTripper that sends each request, and so each stream, to one of several
// nodes at random: clients move between nodes.
type spread struct {
	nodes []*url.URL
	way   http.RoundTripper

	mu  sync.Mutex
	rnd *rand.Rand
}

func newSpread(servers []string, seed uint64) (*spread, error) {
	s := &spread{way: http.DefaultTransport, rnd: rand.New(rand.NewPCG(seed, 2))}
	for _, server := range servers {
		u, err := url.Parse(server)
		if err != nil {
			return nil, err
		}
		s.nodes = append(s.nodes, u)
	}
	return s, nil
}

// RoundTrip implements http.RoundTripper. If a node does not answer, it may be down; a request
// without a body is then tried on the other nodes.
func (s *spread) RoundTrip(r *http.Request) (res *http.Response, err error) {
	s.mu.Lock()
	order := s.rnd.Perm(len(s.nodes))
	s.mu.Unlock()
	for _, i := range order {
		to := r.Clone(r.Context())
		to.URL.Scheme, to.URL.Host, to.Host = s.nodes[i].Scheme, s.nodes[i].Host, ""
		if res, err = s.way.RoundTrip(to); err == nil || r.Body != nil || r.Context().Err() != nil {
			return res, err
		}
	}
	return nil, err
}
