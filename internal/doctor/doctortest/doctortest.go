// Package doctortest answers a doctor's checks as an identity provider would, with faults that it is hard to give to a real one.
package doctortest

import (
	"fmt"
	"net/http"
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
