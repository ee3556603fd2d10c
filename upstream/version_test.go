package upstream

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// calledItself is a server that answers so for its version.
func calledItself(t *testing.T, status int, kind, answer string) (address string, asked *int) {
	t.Helper()
	asked = new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		*asked++
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func TestAServerBelowTheFloorIsRefusedAndOneThatDoesNotSayCannotBeTold(t *testing.T) {
	const asJSON = "application/json"
	for _, c := range []struct {
		status       int
		kind, answer string
		want         error
	}{
		{200, asJSON, `{"version":"v1.3.0"}`, nil},
		{200, asJSON, `{"version":"v26.2.0"}`, nil},
		{200, asJSON, `{"version":"master"}`, nil},
		{200, asJSON, `{"version":""}`, nil},
		{200, asJSON, `{"version":"v1.3.0-pre"}`, ErrTooOld},
		{200, asJSON, `{"version":"v1.2.0"}`, ErrTooOld},
		{200, asJSON, `{"version":null}`, ErrUnavailable},
		{200, asJSON, `{}`, ErrUnavailable},
		{200, asJSON, `null`, ErrUnavailable},
		{200, "text/html", `{"version":"v1.3.0"}`, ErrUnavailable},
		{500, asJSON, `{"version":"v1.3.0"}`, ErrUnavailable},
	} {
		address, _ := calledItself(t, c.status, c.kind, c.answer)
		err := new(Floor).Check(t.Context(), BoundedClient(nil), address, "It", "v1.3.0")
		if !errors.Is(err, c.want) || errors.Is(err, ErrTooOld) != errors.Is(c.want, ErrTooOld) {
			t.Errorf("%d %s %s: %v, want %v", c.status, c.kind, c.answer, err, c.want)
		}
	}
}

func TestAGoodVersionIsBelievedInForAnHour(t *testing.T) {
	address, asked := calledItself(t, 200, "application/json", `{"version":"v1.3.0"}`)
	var f Floor
	for _, c := range []struct {
		age  time.Duration
		want int
	}{{0, 0}, {floorLasts - time.Minute, 0}, {floorLasts, 1}} {
		then := time.Now().Add(-c.age)
		f.good.Store(&then)
		if err := f.Check(t.Context(), BoundedClient(nil), address, "It", "v1.3.0"); err != nil || *asked != c.want {
			t.Errorf("after %s: %v, asked %d times, want %d", c.age, err, *asked, c.want)
		}
	}
}

func TestWhetherASecretIsTakenIsToldOrNot(t *testing.T) {
	for _, c := range []struct {
		status int
		answer string
		takes  bool
		told   bool
	}{
		{401, `{"error":"invalid_client"}`, false, true},
		{401, `{"error":"unauthorized_client"}`, false, true},
		{400, `{"error":"invalid_grant"}`, true, true},
		{400, `{"error":"unauthorized_client"}`, true, true}, // known, and may not ask for that
		{401, `{"error":"server_error"}`, false, false},
		{400, `{}`, false, false},
		{200, `{"access_token":"x"}`, false, false},
		{503, `{"error":"invalid_client"}`, false, false},
		{400, `no`, false, false},
	} {
		takes, err := TakesSecret(Response{Status: c.status, JSON: true, Body: []byte(c.answer)})
		if takes != c.takes || (err == nil) != c.told || err != nil && !errors.Is(err, ErrUnavailable) {
			t.Errorf("%d %s: %t, %v", c.status, c.answer, takes, err)
		}
	}
	if takes, err := TakesSecret(Response{Status: 400, Body: []byte(`{"error":"invalid_grant"}`)}); takes || err == nil {
		t.Errorf("an answer that is not JSON: %t, %v", takes, err)
	}
}
