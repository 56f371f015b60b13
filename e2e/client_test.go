package e2e_test

import (
	"testing"

	"parley/testenv"
)

func TestTheClientInABrowserSharesTabsAndSurvivesAReload(t *testing.T) {
	t.Parallel()
	testenv.Browser(t, "clients/client.cjs", testenv.Server(t).URL).Rest()
}
