package keycloak_test

import (
	"context"
	"html"
	"regexp"
	"slices"
	"testing"
	"time"
)

type otp struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	UserLabel string `json:"userLabel"`
}

// addOTP gives the user a one-time password factor made at a time, and returns
// its id.
func (w *world) addOTP(t *testing.T, id, label string, made time.Time) string {
	t.Helper()
	before := w.otps(t, id)
	must(t, w.AddOTP(t.Context(), id, label, made))
	for _, now := range w.otps(t, id) {
		if !slices.Contains(before, now) {
			return now
		}
	}
	t.Fatal("the server took no factor")
	return ""
}

// otps lists the ids of the user's one-time password factors.
func (w *world) otps(t testing.TB, id string) []string {
	t.Helper()
	var all []otp
	must(t, w.Admin(context.WithoutCancel(t.Context()), "GET", "/users/"+id+"/credentials", nil, &all))
	var ids []string
	for _, c := range all {
		if c.Type == "otp" {
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
