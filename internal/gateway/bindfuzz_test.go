package gateway

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// FuzzReadAnswer: what is left for a format is an object without what the gateway itself reads.
func FuzzReadAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"state":"s","label":"laptop","credential":{"id":"a"}}`, `{"state":"s","codes":[1,"2",null]}`, `{"state":"s","label":null}`, `{"state":1}`, "null",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		a, err := readAnswer(request(t, http.MethodPost, "/", strings.NewReader(body), "Content-Type", jsonType))
		if err != nil {
			if translate(err).status >= 500 || a.Body != nil {
				t.Errorf("%s, %v", a.Body, err)
			}
			return
		}
		var rest map[string]json.RawMessage
		if err := json.Unmarshal(a.Body, &rest); err != nil || rest == nil || rest["state"] != nil || rest["label"] != nil || a.State == "" {
			t.Errorf("%+v: %s", a, a.Body)
		}
	})
}
