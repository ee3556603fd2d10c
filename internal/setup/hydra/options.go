// Package hydra knows what the gateway needs of an Ory Hydra, plans it by Hydra's admin API, and writes down what only Hydra's own
// configuration can say.
//
// The admin API makes and changes clients and asks nobody for a password; it tells no setting of the configuration. What can be seen
// of that from outside is told as a note, and none of it is changed.
package hydra

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/regrant/regrant/internal/setup"
	adapter "github.com/regrant/regrant/upstream/hydra"
)

// Clients of the gateway's at Hydra.
const (
	// ClientID is the gateway's own.
	ClientID = "regrant-gateway"
	// GrantID is the one to which programs' access tokens are issued.
	GrantID = "regrant-programs"
)

// Options say which Hydra is to be set up, and how.
type Options struct {
	// URL and Admin are where the public and the admin API are called, such as http://127.0.0.1:4444.
	URL, Admin string
	// Origin is under which people reach Hydra through the gateway, such as https://id.example.com.
	Origin string
	// Path below Origin at which the gateway answers, "/recovery" unless the configuration says otherwise.
	Path string
	// RecoveryUI is the path of the login app's page for recovery at Origin. Empty: it has none there.
	RecoveryUI string
	// RiskAnalysis names the document in which the operator accepts that nobody can be asked who is privileged. Empty: he does not.
	RiskAnalysis string
	// GrantScope are the scopes of programs' access tokens. Empty: programs get none.
	GrantScope []string
	// ClientSecretFile and GrantSecretFile hold the secrets of the two clients, or will.
	ClientSecretFile, GrantSecretFile string
	// HTTPClient makes the calls. Nil: the default one.
	HTTPClient *http.Client
}

var (
	// scopeToken is a scope that can stand in a Caddyfile as it is, which is less than RFC 6749 section 3.3 allows.
	scopeToken = regexp.MustCompile(`^[A-Za-z0-9!$&()*+,./:;<=>?@_~-]{1,128}$`)
	// reference is how a document may be named in a Caddyfile.
	reference = regexp.MustCompile(`^[A-Za-z0-9._/:-]{1,128}$`)
)

// Check refuses what the gateway could not work with, before anybody is asked.
func (o Options) Check() error {
	if err := setup.CheckOrigin(o.Origin); err != nil {
		return err
	}
	if o.RiskAnalysis != "" && !reference.MatchString(o.RiskAnalysis) {
		return errors.New("the risk analysis is named by letters, digits, and the characters . _ / : -")
	}
	for _, scope := range o.GrantScope {
		if !scopeToken.MatchString(scope) {
			return fmt.Errorf("%q is no scope", scope)
		}
	}
	_, err := adapter.New(adapter.Config{
		URL: o.URL, AdminURL: o.Admin, PublicURL: o.Origin, RecoveryUI: o.RecoveryUI, ClientID: ClientID, ClientSecret: "not read yet",
	})
	return err
}

// Target names the server in records.
func (o Options) Target() string { return "Hydra " + o.Admin }

// issuer is the gateway's.
func (o Options) issuer() string { return o.Origin + o.Path }

// files are those of the clients' secrets, by client.
func (o Options) files() map[string]string {
	return map[string]string{ClientID: o.ClientSecretFile, GrantID: o.GrantSecretFile}
}
