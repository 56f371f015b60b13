// Command bundle writes web/parley.js, the TypeScript client as one file for browsers.
//
//	go run ./web/bundle
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

func main() {
	_, file, _, _ := runtime.Caller(0)
	web := filepath.Dir(filepath.Dir(file))
	js, err := Bundle(filepath.Join(web, "..", "client", "ts", "src", "index.ts"))
	if err == nil {
		err = os.WriteFile(filepath.Join(web, "parley.js"), js, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
