package keycloak_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	server "github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/upstreamtest"
)

func TestAdapterKeepsTheContract(t *testing.T) {
	w := realKeycloak(t)
	upstreamtest.Run(t, upstreamtest.Fixture{
		URL:     w.URL,
		New:     func(t testing.TB, address string) upstream.Adapter { return w.newAdapter(t, address) },
		Alice:   w.person(t, "alice"),
		Carol:   w.person(t, "carol"),
		Mallory: w.person(t, "mallory"),
		SignIn: func(tb testing.TB, p upstreamtest.Person) {
			w.user(tb, "alice")
			newBrowser(t, w).signIn(w, "alice", "alice-password", nil)
			newBrowser(t, w).signIn(w, "alice", "alice-password", url.Values{"scope": {"openid offline_access"}})
		},
		Sessions: func(t testing.TB, p upstreamtest.Person) int { return w.countSessions(t, p.ID) },
		Lock:     func(t testing.TB, p upstreamtest.Person) { must(t, w.BruteForceLock(t.Context(), "alice")) },
		WaysIn: func(t testing.TB, p upstreamtest.Person) []string {
			links, err := w.FederatedIdentities(t.Context(), p.ID)
			must(t, err)
			var subjects []string
			for _, l := range links {
				subjects = append(subjects, l.UserID)
			}
			return subjects
		},
		Faults: map[string]upstreamtest.Fault{
			"another user":  replacing("alice", "bob", w.user(t, "alice"), w.user(t, "bob")),
			"another realm": replacing("/realms/acme", "/realms/master"),
			"too old":       replacing("%23code", "%23kode"), // as 26.7.2: a code in the fragment is no reason to refuse
		},
	})
}

// replacing lets the server answer another request than the one made.
func replacing(oldnew ...string) upstreamtest.Fault {
	replacer := strings.NewReplacer(oldnew...)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path, r.URL.RawQuery = replacer.Replace(r.URL.Path), replacer.Replace(r.URL.RawQuery)
			next.ServeHTTP(w, r)
		})
	}
}

func (w *world) person(t *testing.T, name string) upstreamtest.Person {
	return upstreamtest.Person{ID: w.user(t, name), Identifiers: []string{name, name + "@example.com"}}
}

// countSessions counts sessions and the application's offline sessions.
func (w *world) countSessions(t testing.TB, id string) int {
	ctx := t.Context()
	online, err := w.Sessions(ctx, id)
	must(t, err)
	var apps []struct {
		ID string `json:"id"`
	}
	must(t, w.Admin(ctx, "GET", "/clients?clientId="+server.AppID, nil, &apps))
	var offline []server.Session
	must(t, w.Admin(ctx, "GET", "/users/"+id+"/offline-sessions/"+apps[0].ID, nil, &offline))
	return len(online) + len(offline)
}
