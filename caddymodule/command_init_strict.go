package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// provenMethods is how many methods an administrator must have proven before the realm's own ways back are closed.
const provenMethods = 2

// ready refuses mode strict while nobody has shown that the gateway brings people back: it asks the gateway that runs.
func (in *initKeycloak) ready(cmd *cobra.Command) error {
	if in.administrator == "" {
		return errors.New("mode strict closes the realm's own ways back: name with --administrator somebody who can recover by two methods already")
	}
	var broker brokerSettings
	if err := askGateway(cmd, http.MethodGet, "broker", nil, &broker); err != nil {
		return fmt.Errorf("mode strict needs the gateway that runs: %w", err)
	}
	if err := in.sameGateway(broker); err != nil {
		return err
	}
	var list []authenticator
	if err := askGateway(cmd, http.MethodPost, "accounts/authenticators", accountRequest{in.administrator}, &list); err != nil {
		return fmt.Errorf("asking the gateway for the methods of %s: %w", in.administrator, err)
	}
	proven, pending := provenOf(list)
	if len(proven) >= provenMethods {
		return nil
	}
	return fmt.Errorf(`mode strict is refused: %s has proven %d of %d methods (%s)%s.
Bind another method at %s/authenticators, wait for the end of its probation, and rehearse it there; then run this again`,
		in.administrator, len(proven), provenMethods, strings.Join(append(proven, "–")[:max(1, len(proven))], ", "), pending, in.issuer)
}

// sameGateway refuses a gateway that would not answer for this realm.
func (in *initKeycloak) sameGateway(b brokerSettings) error {
	secret, err := os.ReadFile(in.o.BrokerSecretFile)
	if err != nil {
		return fmt.Errorf("mode strict comes after mode assist, which makes the secrets: %v", err)
	}
	if b.Issuer != in.issuer+"/oidc" || b.ClientID != in.o.BrokerID() || b.ClientSecret != strings.TrimRight(string(secret), "\n") {
		return fmt.Errorf("mode strict is refused: the gateway that runs is not the one of this realm (its issuer is %s, its client %s), or has another secret than %s: load the Caddyfile that was printed",
			strings.TrimSuffix(b.Issuer, "/oidc"), b.ClientID, in.o.BrokerSecretFile)
	}
	return nil
}

// provenOf are the methods that may be used now and were proven in a recovery or a rehearsal, and in words what is bound besides.
func provenOf(list []authenticator) (proven []string, pending string) {
	var waiting []string
	for _, a := range list {
		switch {
		case a.Usable && !a.LastProvenAt.IsZero():
			proven = append(proven, a.Method)
		case a.Usable:
			waiting = append(waiting, a.Method+" was never rehearsed")
		case a.RevokedAt.IsZero():
			waiting = append(waiting, a.Method+" cannot be used before "+moment(a.EffectiveAt))
		}
	}
	slices.Sort(proven)
	if proven = slices.Compact(proven); len(waiting) > 0 {
		pending = "; " + strings.Join(waiting, ", ")
	}
	return proven, pending
}

// askGateway makes one call of the admin API and decodes the answer.
func askGateway(cmd *cobra.Command, method, path string, body, into any) error {
	raw, err := request(cmd, method, path, body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("reading the answer of Caddy: %v", err)
	}
	return nil
}
