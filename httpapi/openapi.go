package httpapi

import (
	_ "embed"
	"net/http"
)

// description of the routes in New (OpenAPI 3.1). A test holds the two together.
//
//go:embed openapi.json
var description []byte

// openAPI answers with the description.
func openAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "no-cache")
	return writeBody(w, http.StatusOK, description)
}
