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
		Sessions: func(t testing.TB, p upstreamtest.Person) int {
			online, offline := w.sessions(t, p.ID)
			return len(online) + len(offline)
		},
		Lock:   func(t testing.TB, p upstreamtest.Person) { must(t, w.BruteForceLock(t.Context(), "alice")) },
		Locked: func(t testing.TB, p upstreamtest.Person) bool { return w.locked(t, p.ID) },
		WaysIn: func(t testing.TB, p upstreamtest.Person) []string {
			links, err := w.FederatedIdentities(t.Context(), p.ID)
			must(t, err)
			var subjects []string
			for _, l := range links {
				subjects = append(subjects, l.UserID)
			}
			return subjects
		},
		Assert: w.broker.assertion,
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

// sessions lists the ids of the user's sessions, and of the offline sessions of
// the application.
func (w *world) sessions(t testing.TB, id string) (online, offline []string) {
	all, err := w.Sessions(t.Context(), id)
	must(t, err)
	for _, s := range all {
		online = append(online, s.ID)
	}
	var apps []struct {
		ID string `json:"id"`
	}
	must(t, w.Admin(t.Context(), "GET", "/clients?clientId="+server.AppID, nil, &apps))
	must(t, w.Admin(t.Context(), "GET", "/users/"+id+"/offline-sessions/"+apps[0].ID, nil, &all))
	for _, s := range all {
		offline = append(offline, s.ID)
	}
	return online, offline
}

func (w *world) locked(t testing.TB, id string) bool {
	var status struct {
		Disabled bool `json:"disabled"`
	}
	must(t, w.Admin(t.Context(), "GET", "/attack-detection/brute-force/users/"+id, nil, &status))
	return status.Disabled
}
