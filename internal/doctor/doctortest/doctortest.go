// Package doctortest answers a doctor's checks as an identity provider would, with faults that it is hard to give to a real one.
package doctortest

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/regrant/regrant/internal/doctor"
)

// Answers are those of a server, by path. Whatever is not among them is not found.
type Answers map[string]http.HandlerFunc

// ServeHTTP implements [http.Handler].
func (a Answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if answer, ok := a[r.URL.Path]; ok {
		answer(w, r)
		return
	}
	http.NotFound(w, r)
}

// Say always answers the same, as JSON unless headers, names each followed by a value, say otherwise.
func Say(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// Of is what was found by the check with this id, which has to be among the findings.
func Of(t *testing.T, findings []doctor.Finding, id string) doctor.Finding {
	t.Helper()
	for _, f := range findings {
		if f.Check == id {
			return f
		}
	}
	t.Fatalf("nobody looked for %s", id)
	return doctor.Finding{}
}
