package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/regrant/regrant/internal/setup"
	"github.com/regrant/regrant/upstream/keycloak"
)

// strictFlags say who may close the identity provider's own ways back.
type strictFlags struct {
	issuer        string // the gateway's, with its path
	mode          string
	administrator string
}

func (s *strictFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&s.mode, "mode", modeAssist, "assist or strict")
	flags.StringVar(&s.administrator, "administrator", "", "Account that can recover by two methods already; mode strict asks the running gateway for them")
}

// place reads --issuer.
func (s *strictFlags) place() (origin, path string, err error) {
	if origin, path, err = placeOf(s.issuer); err == nil {
		s.issuer = origin + path
	}
	return origin, path, err
}

// placeOf is the origin of the gateway with an issuer, and the path below which it answers there, the default one if there is none.
func placeOf(issuer string) (origin, path string, err error) {
	u, err := url.Parse(issuer)
	if err == nil {
		origin, path = u.Scheme+"://"+u.Host, cmp.Or(strings.TrimSuffix(u.Path, "/"), defaultPath)
	}
	if err != nil || u.RawQuery != "" || u.Fragment != "" || hasPlaceholder(path) || checkPath(path) != nil {
		return "", "", fmt.Errorf("--issuer %q is not the gateway's, such as https://id.example.com/recovery", issuer)
	}
	return origin, path, nil
}

// strict tells which mode is asked for.
func (s *strictFlags) strict() (bool, error) {
	if s.mode != modeStrict && s.mode != modeAssist {
		return false, fmt.Errorf("--mode %q is not known: write strict or assist", s.mode)
	}
	return s.mode == modeStrict, nil
}

// unasked is what mode strict is refused without where somebody can be asked.
const unasked = `Mode strict: apply this only once an administrator has proven two methods that work now. Nobody was asked here.
'caddy regrant authenticators NAME --json' asks the gateway that runs: two methods must be "usable" and have a "last_proven_at".
`

// print writes down what is kept as code, and calls nobody. In mode strict it says so first: in comments, or beside a text that can have none.
func (s *strictFlags) print(cmd *cobra.Command, text string, comments bool) error {
	switch {
	case s.mode != modeStrict:
	case comments:
		text = "# " + strings.ReplaceAll(strings.TrimSpace(unasked), "\n", "\n# ") + "\n" + text
	default:
		fmt.Fprint(cmd.ErrOrStderr(), unasked)
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), text)
	return err
}

// provenMethods is how many methods an administrator must have proven before the identity provider's own ways back are closed.
const provenMethods = 2

// ready refuses mode strict while nobody has shown that the gateway brings people back: it asks the gateway that runs.
func (in *initKeycloak) ready(cmd *cobra.Command) error {
	if err := in.named(); err != nil {
		return err
	}
	var broker brokerSettings
	if err := askGateway(cmd, http.MethodGet, "broker", nil, &broker); err != nil {
		return fmt.Errorf("mode strict needs the gateway that runs: %w", err)
	}
	if err := in.sameGateway(broker); err != nil {
		return err
	}
	return in.proven(cmd)
}

// named refuses mode strict without the name of somebody who is to have proven it.
func (s *strictFlags) named() error {
	if s.administrator == "" {
		return errors.New("mode strict closes the identity provider's own ways back: name with --administrator somebody who can recover by two methods already")
	}
	return nil
}

// proven refuses an administrator who has not proven two methods to the gateway that runs.
func (s *strictFlags) proven(cmd *cobra.Command) error {
	var list []authenticator
	if err := askGateway(cmd, http.MethodPost, "accounts/authenticators", accountRequest{s.administrator}, &list); err != nil {
		return fmt.Errorf("mode strict needs the gateway that runs: asking it for the methods of %s: %w", s.administrator, err)
	}
	proven, pending := provenOf(list)
	if len(proven) >= provenMethods {
		return nil
	}
	return fmt.Errorf(`mode strict is refused: %s has proven %d of %d methods (%s)%s.
Bind another method at %s/authenticators, wait for the end of its probation, and rehearse it there; then run this again`,
		s.administrator, len(proven), provenMethods, strings.Join(append(proven, "–")[:max(1, len(proven))], ", "), pending, s.issuer)
}

// sameGateway refuses a gateway that would not answer for this realm.
func (in *initKeycloak) sameGateway(b brokerSettings) error {
	secret, err := setup.ReadSecret(in.o.BrokerSecretFile)
	switch {
	case err != nil:
		return err
	case secret == "":
		return fmt.Errorf("mode strict comes after mode assist, which makes the secrets: there is no %s", in.o.BrokerSecretFile)
	}
	back := keycloak.BrokerRedirect(in.o.Origin+"/realms/"+in.o.Realm, in.o.Alias)
	if b.Issuer != in.issuer+"/oidc" || b.ClientID != in.o.BrokerID() || b.ClientSecret != secret || !slices.Contains(b.RedirectURIs, back) {
		return fmt.Errorf("mode strict is refused: the gateway that runs is not the one of this realm (its issuer is %s, its client %s, its alias that of %s), or has another secret than %s: load the Caddyfile that was printed",
			strings.TrimSuffix(b.Issuer, "/oidc"), b.ClientID, strings.Join(b.RedirectURIs, ", "), in.o.BrokerSecretFile)
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
