package gateway

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
)

// FuzzReadUpload: whatever a browser sends as a form, a name has one value, and a file is small.
func FuzzReadUpload(f *testing.F) {
	const part = "--b\r\nContent-Disposition: form-data; name=\"proof\"; filename=\"p.txt\"\r\n\r\nx\r\n"
	for _, seed := range []string{
		part + "--b--\r\n", part + part + "--b--\r\n", part, "--b--", "", "--b\r\n\r\nx\r\n--b--\r\n", "--b\r\nContent-Disposition: form-data; name=proof\r\n\r\n\r\n--b--",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/recovery/prove", bytes.NewReader(body))
		r.Header.Set("Content-Type", uploadType+"; boundary=b")
		values, err := readUpload(r)
		if err != nil {
			return
		}
		for name, all := range values {
			if len(all) != 1 || len(all[0]) > len(body) {
				t.Errorf("%q: %d values", name, len(all))
			}
		}
	})
}
