package keycloak_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
)

// crowded lets each list of offline sessions seem to have as many more entries.
func crowded(t *testing.T, more int) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil || r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/offline-sessions/") {
			return resp, err
		}
		defer resp.Body.Close()
		var sessions []map[string]any
		must(t, json.NewDecoder(resp.Body).Decode(&sessions))
		for i := range more {
			sessions = append(sessions, map[string]any{"id": fmt.Sprintf("more-%d", i), "userId": sessions[0]["userId"], "start": sessions[0]["start"]})
		}
		body, err := json.Marshal(sessions)
		must(t, err)
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return resp, nil
	}
}

// A thief with the password signs in thousands of times, so that a recovery would spend its time with ending them.
func TestManyOfflineSessionsDoNotHoldARecoveryUp(t *testing.T) {
	w := realKeycloak(t)
	s := w.recovery(t, attest.ActionSignIn)
	w.thief(t, s)
	list, single := crowded(t, 1000), 0
	a := w.through(t, func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodDelete && strings.Contains(r.URL.Path, "/sessions/") {
			single++
		}
		return list(r)
	})
	must(t, a.Revoke(t.Context(), s.AccountID))
	if online, offline := w.sessions(t, s.AccountID); len(online)+len(offline) > 0 || single > 0 {
		t.Errorf("left: sessions %v, offline sessions %v; %d were ended one by one", online, offline, single)
	}
}

// A client may be named by an address, which has slashes.
func TestAClientOfAnyNameIsEndedAsAWhole(t *testing.T) {
	w := realKeycloak(t)
	s := w.recovery(t, attest.ActionSignIn)
	const id = "https://app.example.com/of?everybody=1"
	must(t, w.Admin(t.Context(), "POST", "/clients", map[string]any{
		"clientId": id, "publicClient": true, "directAccessGrantsEnabled": true, "standardFlowEnabled": false,
	}, nil))
	form := url.Values{"grant_type": {"password"}, "client_id": {id}, "username": {"alice"}, "password": {"alice-password"}, "scope": {"openid offline_access"}}
	until := time.Now().Add(time.Minute)
	for made := 0; made < 101; {
		resp, err := http.PostForm(w.URL+"/realms/"+w.Realm+"/protocol/openid-connect/token", form)
		must(t, err)
		resp.Body.Close()
		switch {
		case resp.StatusCode == http.StatusOK:
			made++
		case time.Now().After(until): // one that comes while the one before is counted is turned away
			t.Fatalf("no offline session after %d: %d", made, resp.StatusCode)
		}
	}
	must(t, w.adapter.Revoke(t.Context(), s.AccountID))
	var consents []any
	must(t, w.Admin(t.Context(), "GET", "/users/"+s.AccountID+"/consents", nil, &consents))
	if len(consents) > 0 {
		t.Errorf("left: %v", consents)
	}
}
