package keycloak_test

import (
	"context"
	"html"
	"regexp"
	"slices"
	"testing"
	"time"
)

type credential struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	UserLabel string `json:"userLabel"`
}

// passwordless is the type of passkeys.
const passwordless = "webauthn-passwordless"

// addOTP gives the user a one-time password factor made at a time, and returns
// its id.
func (w *world) addOTP(t *testing.T, id, label string, made time.Time) string {
	t.Helper()
	return w.added(t, id, "otp", func() error { return w.AddOTP(t.Context(), id, label, made) })
}

// addPasskey gives the user a passkey made at a time, and returns its id.
func (w *world) addPasskey(t *testing.T, id, label string, made time.Time) string {
	t.Helper()
	return w.added(t, id, passwordless, func() error {
		return w.AddCredential(t.Context(), id, map[string]any{
			"type": passwordless, "userLabel": label, "createdDate": made.UnixMilli(), "secretData": "{}", "credentialData": "{}",
		})
	})
}

// added returns the id of the credential of a kind that add gives the user.
func (w *world) added(t *testing.T, id, kind string, add func() error) string {
	t.Helper()
	before := w.credentials(t, id, kind)
	must(t, add())
	for _, now := range w.credentials(t, id, kind) {
		if !slices.Contains(before, now) {
			return now
		}
	}
	t.Fatal("the server took no credential")
	return ""
}

// otps lists the ids of the user's one-time password factors.
func (w *world) otps(t testing.TB, id string) []string {
	t.Helper()
	return w.credentials(t, id, "otp")
}

// credentials lists the ids of the user's credentials of a kind.
func (w *world) credentials(t testing.TB, id, kind string) []string {
	t.Helper()
	var all []credential
	must(t, w.Admin(context.WithoutCancel(t.Context()), "GET", "/users/"+id+"/credentials", nil, &all))
	var ids []string
	for _, c := range all {
		if c.Type == kind {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func (w *world) removeOTPs(t testing.TB, id string) {
	t.Helper()
	for _, c := range w.otps(t, id) {
		must(t, w.Admin(context.WithoutCancel(t.Context()), "DELETE", "/users/"+id+"/credentials/"+c, nil, nil))
	}
}

// regexpHref returns the first link of a page that holds part.
func regexpHref(t *testing.T, body, part string) string {
	t.Helper()
	found := regexp.MustCompile(`href="([^"]*` + regexp.QuoteMeta(part) + `[^"]*)"`).FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("no link to %s", part)
	}
	return html.UnescapeString(found[1])
}
