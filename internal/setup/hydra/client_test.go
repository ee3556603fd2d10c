package hydra

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/regrant/regrant/internal/setup"
)

// Somebody may delete a client between the reading of it and the writing.
func TestAClientThatIsGoneIsNotWritten(t *testing.T) {
	for name, found := range map[string]string{"before it is read again": "", "after that": `{"client_id":"regrant-gateway"}`} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if r.Method == http.MethodGet && found != "" {
				_, _ = io.WriteString(w, found)
				return
			}
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error":"Unable to locate the resource"}`)
		}))
		o := good()
		o.Admin = server.URL
		err := newAPI(o).client(ClientID).Write(t.Context(), setup.State{"scope": "openid"}, setup.State{"scope": "openid profile"})
		if !errors.Is(err, errGone) {
			t.Errorf("%s: %v", name, err)
		}
		server.Close()
	}
}
