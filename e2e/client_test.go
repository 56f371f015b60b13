package e2e_test

import (
	"testing"

	"github.com/parley-server/parley/testenv"
)

func TestTheClientInABrowserSharesTabsAndSurvivesAReload(t *testing.T) {
	t.Parallel()
	testenv.Browser(t, "clients/client.cjs", testenv.Server(t).URL).Rest()
}

func TestTheClientInABrowserKeepsUsersApartAndDoesWithoutWhatIsRefused(t *testing.T) {
	t.Parallel()
	address := testenv.FreePort(t)
	p := serve(t, "--listen", address, "--allowed-origins", "http://"+address)
	testenv.Browser(t, "clients/users.cjs", p.URL, "general", p.hour("alice", "*=rw"), p.hour("bob", "*=rw")).Rest()
}
