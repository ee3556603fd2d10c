package kratos_test

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/kratos"
	"github.com/regrant/regrant/upstream/upstreamtest"
)

const password = "correct horse of a person"

func TestAdapterKeepsTheContract(t *testing.T) {
	w := realKratos(t)
	alice, carol, mallory := w.person(t, "alice"), w.person(t, "carol"), w.person(t, "mallory")
	must(t, w.Admin(t.Context(), http.MethodPatch, "/identities/"+carol.ID, []any{
		map[string]any{"op": "add", "path": "/metadata_admin", "value": map[string]any{"role": []string{"operator"}}},
	}, nil))
	must(t, w.SetState(t.Context(), mallory.ID, "inactive"))
	bob := w.person(t, "bob")
	upstreamtest.Run(t, upstreamtest.Fixture{
		URL:   w.both.URL,
		New:   func(t testing.TB, address string) upstream.Adapter { return w.adapter(t, address) },
		Alice: alice, Carol: carol, Mallory: mallory,
		SignIn: func(t testing.TB, p upstreamtest.Person) {
			for range 2 {
				_, err := w.SignIn(t.Context(), p.Identifiers[0], password)
				must(t, err)
			}
		},
		Sessions: func(t testing.TB, p upstreamtest.Person) int {
			all, err := w.Sessions(t.Context(), p.ID)
			must(t, err)
			return len(all)
		},
		WaysIn: func(t testing.TB, p upstreamtest.Person) []string { return w.recoveries(t, p.ID) },
		Way:    kratos.TagOf,
		Faults: map[string]upstreamtest.Fault{
			"another user": func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					r.URL.Path = strings.ReplaceAll(r.URL.Path, alice.ID, bob.ID)
					r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "alice", "bob")
					next.ServeHTTP(rw, r)
				})
			},
			"too old": func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					if r.URL.Path != "/admin/version" {
						next.ServeHTTP(rw, r)
						return
					}
					rw.Header().Set("Content-Type", "application/json")
					_, _ = rw.Write([]byte(`{"version":"v1.2.0"}`))
				})
			},
		},
	})
}

// person makes an identity of that name.
func (w *world) person(t testing.TB, name string) upstreamtest.Person {
	t.Helper()
	return w.create(t, name, map[string]any{"password": map[string]any{"config": map[string]any{"password": password}}})
}

// create makes one with these credentials.
func (w *world) create(t testing.TB, name string, credentials map[string]any) upstreamtest.Person {
	t.Helper()
	test := fnv.New32()
	_, _ = test.Write([]byte(t.Name()))
	address := fmt.Sprintf("%s.%x@example.com", name, test.Sum32())
	var made struct {
		ID string `json:"id"`
	}
	must(t, w.Admin(t.Context(), http.MethodPost, "/identities", map[string]any{
		"schema_id": "default", "traits": map[string]any{"email": address}, "credentials": credentials,
	}, &made))
	return upstreamtest.Person{ID: made.ID, Identifiers: []string{address}}
}

// recoveries lists the tags of the active sessions that recoveries have made.
func (w *world) recoveries(t testing.TB, id string) (tags []string) {
	t.Helper()
	var all []struct {
		Devices []struct {
			UserAgent string `json:"user_agent"`
		} `json:"devices"`
	}
	must(t, w.Admin(t.Context(), http.MethodGet, "/identities/"+id+"/sessions?active=true", nil, &all))
	for _, s := range all {
		if tag, _, ok := cutLast(s.Devices[0].UserAgent); ok && strings.HasPrefix(tag, "Account recovery") {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return tags
}

// cutLast cuts behind the last space.
func cutLast(s string) (before, after string, ok bool) {
	at := strings.LastIndex(s, " ") + 1
	return s[:at], s[at:], at > 0
}
