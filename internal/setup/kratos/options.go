// Package kratos knows what the gateway needs of an Ory Kratos, plans it in Kratos' own file of configuration, and writes it down
// for those who keep that file as code.
//
// Kratos has no API for its configuration. It reads the file again when it changes, but for what is below serve, log and
// profiling, which it reads as it starts: none of that is changed here. The file holds secrets, so only the settings named in
// this package leave it, and errors show nothing of its text.
package kratos

import (
	"errors"
	"net/http"

	"github.com/regrant/regrant/internal/setup"
	"github.com/regrant/regrant/upstream"
	adapter "github.com/regrant/regrant/upstream/kratos"
)

// Options say which Kratos is to be set up, and how.
type Options struct {
	// File is the absolute path of Kratos' configuration, in YAML or JSON.
	File string
	// URL and Admin are where the public and the admin API are called, such as http://127.0.0.1:4433.
	URL, Admin string
	// Origin is under which people reach Kratos through the gateway, such as https://id.example.com.
	Origin string
	// Path below Origin at which the gateway answers, "/recovery" unless the configuration says otherwise.
	Path string
	// Hydra is where the admin API of the Hydra is called whose login app Kratos is. Empty: there is none.
	Hydra string
	// RecoveryUI is the path of the login app's page for recovery at Origin. Empty: what the file says stays.
	RecoveryUI string
	// Strict ends Kratos' own recovery.
	Strict bool
	// SessionTokens gives programs session tokens for a recovery.
	SessionTokens bool
	// CloseCodeLogin ends sign-ins with nothing but a mailed code.
	CloseCodeLogin bool
	// HTTPClient makes the calls. Nil: the default one.
	HTTPClient *http.Client
}

// Check refuses what the gateway could not work with, before anything is read.
func (o Options) Check() error {
	if err := setup.CheckOrigin(o.Origin); err != nil {
		return err
	}
	if o.Hydra != "" && !upstream.Base(o.Hydra) {
		return errors.New("the address of Hydra's admin API must be like http://127.0.0.1:4445, without a slash at the end")
	}
	_, err := adapter.New(adapter.Config{URL: o.URL, AdminURL: o.Admin, PublicURL: o.Origin, RecoveryUI: o.RecoveryUI})
	return err
}

// Target names the file in records.
func (o Options) Target() string { return "Kratos " + o.File }
