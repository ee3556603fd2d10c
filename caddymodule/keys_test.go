package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/journal/journaltest"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/storage"
)

const (
	secretA = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
	secretB = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="
)

// under gives the edits for a configuration with these secrets.
func under(secret, previous string) []string {
	text := `"secret":"` + secret + `",`
	if previous != "" {
		text += `"previous_secret":"` + previous + `",`
	}
	return []string{`"issuer":`, text + `"issuer":`}
}

// opens starts a configuration on the same store and tells what kept it from opening, "" if nothing did.
func opens(t *testing.T, edits ...string) (app *App, problem string, unload func()) {
	t.Helper()
	app, unload = mustLoad(t, edits...)
	if err := app.Start(); err != nil {
		t.Fatalf("the store fails Start: %v", err)
	}
	if _, err := app.opener.get(app.ctx); err != nil {
		problem = err.Error()
	}
	return app, problem, unload
}

func TestStoreUnderAGivenSecretHoldsNoIdentifier(t *testing.T) {
	privateData(t)
	app, unload := mustLoad(t, under(secretA, "")...)
	rt := mustServe(t, app)
	const known = "alice.known-identifier@example.com"
	entry := journal.Entry{Kind: journal.KindNoticeFailed, AccountID: known}
	if err := rt.db.Update(t.Context(), func(tx storage.Tx) error { return rt.journal.Append(tx, entry) }); err != nil {
		t.Fatal(err)
	}
	look := func() {
		t.Helper()
		err := filepath.WalkDir(app.storeDir(), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			if bytes.Contains(content, []byte(known)) || bytes.Contains(content, []byte("notice-failed")) {
				t.Errorf("found in %s", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	look() // in the log
	unload()
	look() // in the tables
}

func TestStoreSaysWhatToDoAboutASecretThatDoesNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		made, then []string
		want       string
	}{
		"another secret":          {under(secretA, ""), under(secretB, ""), "write 'secret NEW { previous OLD }'"},
		"two others":              {under(secretA, ""), under(secretB, testSecret), "write 'secret NEW { previous OLD }'"},
		"no secret any more":      {under(secretA, ""), nil, "give the same secret again"},
		"a secret later":          {nil, under(secretA, ""), "take it out, or begin with an empty directory"},
		"a wrong previous secret": {nil, under(secretA, secretB), "take it out, or begin with an empty directory"},
	} {
		t.Run(name, func(t *testing.T) {
			privateData(t)
			app, unload := mustLoad(t, c.made...)
			mustOpen(t, app)
			unload()
			wrong, problem, unload := opens(t, c.then...)
			if w, _, err := serve(t, wrong, http.MethodPost, "/recovery/initiate"); err != nil || w.Code != http.StatusServiceUnavailable {
				t.Errorf("recovery: status %d, %v", w.Code, err)
			}
			if _, passed, err := serve(t, wrong, http.MethodGet, "/realms/acme/account"); err != nil || passed == nil {
				t.Errorf("traffic does not pass: %v", err)
			}
			if !strings.Contains(problem, c.want) {
				t.Errorf("problem %q, want %q", problem, c.want)
			}
			for _, secret := range []string{secretA, secretB, testSecret} {
				if strings.Contains(problem, secret) {
					t.Errorf("the problem holds a secret: %s", problem)
				}
			}
			unload()
			if _, problem, _ := opens(t, c.made...); problem != "" {
				t.Errorf("afterwards the right secret does not open it: %s", problem)
			}
		})
	}
}

// The store that a reload finds open is judged as the files would be: else it would be taken for an encrypted one until
// the next start refuses it.
func TestAReloadSaysTheSameAboutASecretThatDoesNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		runs, then []string
		want       string
	}{
		"a secret later":            {nil, under(secretA, ""), "take it out, or begin with an empty directory"},
		"a secret later, and a lie": {nil, under(secretA, secretB), "take it out, or begin with an empty directory"},
		"no secret any more":        {under(secretA, ""), nil, "give the same secret again"},
		"another secret":            {under(secretA, ""), under(secretB, ""), "write 'secret NEW { previous OLD }'"},
	} {
		t.Run(name, func(t *testing.T) {
			privateData(t)
			running, _ := mustLoad(t, c.runs...)
			rt := mustOpen(t, running)
			if _, problem, unload := opens(t, c.then...); !strings.Contains(problem, c.want) {
				t.Errorf("problem %q, want %q", problem, c.want)
			} else {
				unload()
			}
			if n := references(t, running); n != 1 {
				t.Errorf("%d references after a refused reload", n)
			}
			works(t, rt)
		})
	}
}

func TestSecretChangesAtAStart(t *testing.T) {
	privateData(t)
	app, unload := mustLoad(t, under(secretA, "")...)
	signs := mustServe(t, app).ring.Signing(keys.Grant)[0].ID
	unload()
	for _, edits := range [][]string{under(secretB, secretA), under(secretB, secretA), under(secretB, "")} {
		app, problem, unload := opens(t, edits...)
		if problem != "" {
			t.Fatal(problem)
		}
		if now := mustServe(t, app).ring.Signing(keys.Grant)[0].ID; now != signs {
			t.Errorf("signs with %s, want %s", now, signs)
		}
		unload()
	}
	if _, problem, _ := opens(t, under(secretA, "")...); problem == "" {
		t.Error("the previous secret opens the store")
	}
}

// A reload cannot close the store that the running configuration uses.
func TestSecretChangesAtAReloadAndTheFilesAtTheNextStart(t *testing.T) {
	privateData(t)
	before, unloadBefore := mustLoad(t, under(secretA, "")...)
	works(t, mustOpen(t, before))
	if _, problem, unload := opens(t, under(secretB, "")...); !strings.Contains(problem, "write 'secret NEW { previous OLD }'") {
		t.Fatalf("problem %q", problem)
	} else {
		unload()
	}
	if references(t, before) != 1 {
		t.Errorf("%d references after a refused reload", references(t, before))
	}
	after, unloadAfter := mustLoad(t, under(secretB, secretA)...)
	works(t, mustOpen(t, after))
	unloadBefore()
	works(t, mustOpen(t, after))
	unloadAfter()
	if _, problem, unload := opens(t, under(secretB, "")...); problem == "" {
		t.Error("the files came under the new secret without a start")
	} else {
		unload()
	}
	for _, edits := range [][]string{under(secretB, secretA), under(secretB, "")} {
		_, problem, unload := opens(t, edits...)
		if problem != "" {
			t.Fatal(problem)
		}
		unload()
	}
}

func TestPreviousSecretAloneIsRefused(t *testing.T) {
	privateData(t)
	if _, _, err := load(t, goodJSON(t, `"issuer":`, `"previous_secret":"`+secretA+`","issuer":`)); err == nil {
		t.Error("provisioned")
	}
}

func TestOperatorRotatesKeysInTheirOwnName(t *testing.T) {
	api := openAdmin(t)
	out, err := command(t, api, "rotate-keys", "--as", "Olga")
	if err != nil || !strings.Contains(out, "IN USE FROM") || !strings.Contains(out, "grant") {
		t.Errorf("%v\n%s", err, out)
	}
	rt, err := api.serving("")
	if err != nil {
		t.Fatal(err)
	}
	status, answer := ask(t, api, http.MethodPost, "/regrant/rotate-keys", `{"as":"Olga"}`)
	var turns []keys.Turn
	if err := json.Unmarshal([]byte(answer), &turns); status != http.StatusOK || err != nil || len(turns) != 6 {
		t.Fatalf("%d %v: %s", status, err, answer)
	}
	if published := rt.ring.Signing(keys.Grant); len(published) != 2 || published[1].ID != turns[0].ID {
		t.Errorf("published %v, waiting %v", published, turns[0])
	}
	if wait := time.Until(turns[0].Begins); wait < keys.Ahead-time.Minute || wait > keys.Ahead {
		t.Errorf("in use in %v", wait)
	}
	entries := journaltest.All(t, rt.db, rt.journal)
	if len(entries) != 1 || entries[0].Kind != journal.KindKeysRotated || entries[0].Actor != "Olga" ||
		entries[0].Detail["grant"] != turns[0].ID {
		t.Errorf("journal %+v", entries)
	}
	for _, body := range []string{`{}`, `{"as":""}`} {
		if status, answer := ask(t, api, http.MethodPost, "/regrant/rotate-keys", body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
}

// Nobody reloads anything for a rotation: both token servers publish the new key at once and go on signing with the old.
func TestRotatedKeysArePublishedWithoutAReload(t *testing.T) {
	privateData(t)
	app, _ := mustLoad(t)
	mustOpen(t, app)
	published := func(path string) (ids []string) {
		t.Helper()
		w, _, err := serve(t, app, http.MethodGet, path)
		var set struct {
			Keys []struct {
				ID string `json:"kid"`
			} `json:"keys"`
		}
		if err := errors.Join(err, json.Unmarshal(w.Body.Bytes(), &set)); err != nil {
			t.Fatal(err)
		}
		for _, k := range set.Keys {
			ids = append(ids, k.ID)
		}
		return ids
	}
	paths := []string{"/recovery/jwks.json", "/recovery/oidc/jwks"}
	before := [][]string{published(paths[0]), published(paths[1])}
	if _, err := command(t, admin(app), "rotate-keys", "--as", "Olga"); err != nil {
		t.Fatal(err)
	}
	for i, path := range paths {
		if now := published(path); len(before[i]) != 1 || len(now) != 2 || now[0] != before[i][0] {
			t.Errorf("%s: %q became %q", path, before[i], now)
		}
	}
}

// What docs/state.md tells operators to write and to run is taken from there.
func TestStatePageSaysWhatWorks(t *testing.T) {
	page, err := os.ReadFile("../docs/state.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(page), "```caddyfile\n")
	block, _, _ = strings.Cut(block, "```")
	if got := mustAdapt(t, block); !strings.Contains(got, `"previous_secret": "{file./etc/regrant/secret.old}"`) {
		t.Errorf("adapted to\n%s", got)
	}
	_, line, _ := strings.Cut(string(page), "```sh\ncaddy regrant ")
	line, _, _ = strings.Cut(line, "\n")
	if out, err := command(t, openAdmin(t), strings.Fields(line)...); err != nil {
		t.Errorf("%s: %v\n%s", line, err, out)
	}
}
