package cassandra

import (
	"testing"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

// oneServer is a policy that knows one server and names it once.
type oneServer struct{ gocql.HostSelectionPolicy }

type server struct{ gocql.SelectedHost }

func (oneServer) Pick(gocql.ExecutableStatement) gocql.NextHost {
	named := false
	return func() gocql.SelectedHost {
		if named {
			return nil
		}
		named = true
		return server{}
	}
}

// A retry and a speculative query find the only server again, and a query that fails everywhere ends.
func TestServersAreTriedAgain(t *testing.T) {
	next := again{oneServer{}}.Pick(nil)
	n := 0
	for next() != nil {
		n++
	}
	if n != 3 {
		t.Errorf("the only server is tried %d times, want 3", n)
	}
}
