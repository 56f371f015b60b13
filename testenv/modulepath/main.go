// Command modulepath moves this module to another path: in go.mod, in the imports, and wherever
// else the path occurs. It changes nothing else and may be repeated. testenv/rename calls it.
package main

import (
	"fmt"
	"os"
	"regexp"
)

// validPath matches module paths that go get can fetch: a host with a dot, an owner, a name.
var validPath = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+(/[A-Za-z0-9][A-Za-z0-9._~-]*)+$`)

func main() {
	if len(os.Args) != 2 || !validPath.MatchString(os.Args[1]) {
		fmt.Fprintln(os.Stderr, "usage: testenv/rename HOST/OWNER/NAME, such as testenv/rename github.com/parley-server/parley")
		os.Exit(2)
	}
	changed, err := rename(".", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "testenv/rename:", err)
		os.Exit(1)
	}
	fmt.Printf("testenv/rename: the module is %s, %d files changed\n", os.Args[1], changed)
}
