package account

import (
	"encoding/json"
	"testing"
)

// FuzzUpgrade reads records of version 1. Whatever they say, what comes of them is of version 2, or an error.
func FuzzUpgrade(f *testing.F) {
	f.Add([]byte(`{"id":"a","handle":"aGFuZGxl","label":"laptop"}`))
	f.Add([]byte(`{"account_id":"a","epoch":3,"bound":2}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, old []byte) {
		var a struct {
			Handle  any      `json:"handle"`
			Handles []Handle `json:"handles"`
		}
		if doc, err := upgrade(1, old); err == nil {
			if err := json.Unmarshal(doc, &a); err != nil || len(a.Handles) != 1 || len(a.Handles[0].Value) == 0 {
				t.Errorf("upgraded to %s, %v", doc, err)
			}
		}
		var g map[string]any
		if doc, err := upgradeGuard(1, old); err == nil {
			err := json.Unmarshal(doc, &g)
			if _, counted := g["bound"]; err != nil || counted || g["unlisted"] != true {
				t.Errorf("upgraded to %s, %v", doc, err)
			}
		}
	})
}
