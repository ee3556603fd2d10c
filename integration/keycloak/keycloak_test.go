package keycloak_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"testing"

	"github.com/regrant/regrant/integration/keycloak"
)

func TestTheServerKnowsTheGatewayAndEndsWithItsContext(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real Keycloak")
	}
	if err := keycloak.Missing(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var log bytes.Buffer
	s, err := keycloak.Start(ctx, keycloak.Options{Origin: "https://localhost:8443", Log: &log})
	if err != nil {
		t.Fatalf("%v\n%s", err, log.Bytes())
	}
	defer s.Stop()

	var provider struct {
		Config map[string]string `json:"config"`
	}
	if err := s.Admin(ctx, "GET", "/identity-provider/instances/"+keycloak.Alias, nil, &provider); err != nil {
		t.Fatal(err)
	}
	if got := provider.Config["tokenUrl"]; got != "https://localhost:8443/recovery/oidc/token" {
		t.Errorf("the realm redeems codes at %s", got)
	}
	for _, name := range []string{"alice", "bob", "carol", "mallory"} {
		if id, err := s.UserID(ctx, name); err != nil || id == "" {
			t.Errorf("user %s: %q, %v", name, id, err)
		}
	}

	cancel()
	s.Stop() // waits for the end that cancel asked for
	if resp, err := http.Get(s.URL); err == nil {
		resp.Body.Close()
		t.Error("the server still answers")
	}
}
