package caddymodule

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/storage"
)

// askDoctor makes the call of the doctor.
func askDoctor(t *testing.T, api *adminAPI) (found examined, text string) {
	t.Helper()
	status, answer := ask(t, api, http.MethodPost, "/regrant/doctor", `{}`)
	if status != http.StatusOK || json.Unmarshal([]byte(answer), &found) != nil {
		t.Fatalf("status %d: %s", status, answer)
	}
	return found, answer
}

func statusOf(t *testing.T, found examined, id string) doctor.Status {
	t.Helper()
	i := slices.IndexFunc(found.Findings, func(f doctor.Finding) bool { return f.Check == id })
	if i < 0 {
		t.Fatalf("nobody looked for %s", id)
	}
	return found.Findings[i].Status
}

func TestTheDoctorExchangesAndReplaysAndLeavesNothing(t *testing.T) {
	privateData(t)
	app, _ := mustLoad(t)
	rt := mustOpen(t, app)
	found, text := askDoctor(t, admin(app))
	for _, id := range []string{"exchange", "replay", "store-space", "secret-files"} {
		if got := statusOf(t, found, id); got != doctor.StatusPass {
			t.Errorf("%s: %s", id, got)
		}
	}
	if got := statusOf(t, found, "notifier-reachable"); got != doctor.StatusFail { // nobody listens at port 9
		t.Errorf("notifier: %s", got)
	}
	if strings.Contains(text, testSecret) {
		t.Error("the answer tells a secret")
	}
	if d := found.Deployment; d.Issuer() != testOrigin+"/recovery" || d.Provider.Kind != "oidc" || len(d.Keys) == 0 {
		t.Errorf("%+v", d)
	}
	err := rt.store.View(t.Context(), func(r storage.Reader) error {
		for e, err := range r.Scan([]byte(app.realms[0].name+"/doctor/"), nil, 10) {
			t.Errorf("%q is left: %v", e.Key, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestTheDoctorSeesAFileThatOthersCanRead(t *testing.T) {
	privateData(t)
	file := filepath.Join(t.TempDir(), "client.secret")
	if err := os.WriteFile(file, []byte(testSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	app, _ := mustLoad(t, testSecret, `{file.`+file+`}`)
	mustOpen(t, app)
	if found, _ := askDoctor(t, admin(app)); statusOf(t, found, "secret-files") != doctor.StatusPass {
		t.Error("a good file is a fault")
	}
	if err := os.Chmod(file, 0o604); err != nil {
		t.Fatal(err)
	}
	if found, _ := askDoctor(t, admin(app)); statusOf(t, found, "secret-files") != doctor.StatusFail {
		t.Error("not found")
	}
}

func TestTheDoctorIsAskedByPost(t *testing.T) {
	api := openAdmin(t)
	if status, answer := ask(t, api, http.MethodGet, "/regrant/doctor", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("status %d: %s", status, answer)
	}
	if status, answer := ask(t, api, http.MethodPost, "/regrant/doctor", `{"x":1}`); status != http.StatusBadRequest {
		t.Errorf("status %d: %s", status, answer)
	}
}
