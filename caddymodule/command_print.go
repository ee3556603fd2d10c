package caddymodule

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/recovery"
)

func printActivationCode(w io.Writer, code activationCode) {
	fmt.Fprintf(w, "%s\n\nGood for one device until %s. Nobody can show it again.\n", clean(code.Code), moment(code.ExpiresAt))
}

func printAuthenticators(w io.Writer, list []authenticator) {
	t := newTable(w, "ID", "METHOD", "LABEL", "DEVICE", "BOUND", "BY", "EFFECTIVE", "EXPIRES", "LAST USED", "REVOKED")
	defer t.Flush()
	for _, a := range list {
		row(t, a.ID, a.Method, a.Label, a.DeviceID, moment(a.BoundAt), a.BoundBy, moment(a.EffectiveAt), moment(a.NotAfter),
			moment(a.LastUsedAt), moment(a.RevokedAt))
	}
}

func printRevoked(w io.Writer, a authenticator) {
	fmt.Fprintf(w, "Authenticator %s was revoked at %s by %s.\n", clean(a.ID), moment(a.RevokedAt), clean(a.RevokedBy))
}

func printRecoveries(w io.Writer, list []recovery.Summary) {
	t := newTable(w, "REFERENCE", "STATE", "ACCOUNT", "DEVICE", "ACTIONS", "FROM", "GRANTED", "ENDED")
	defer t.Flush()
	for _, s := range list {
		row(t, s.Reference, string(s.State), s.Account, s.Device, strings.Join(s.Actions, " "), s.Network, moment(s.GrantedAt), moment(s.EndedAt))
	}
}

func printBroker(w io.Writer, b brokerSettings) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	row(t, "Client ID", b.ClientID)
	row(t, "Client secret", b.ClientSecret)
	row(t, "Issuer", b.Issuer)
	row(t, "Discovery URL", b.DiscoveryURL)
	row(t, "Authorization URL", b.AuthorizationURL)
	row(t, "Token URL", b.TokenURL)
	row(t, "JWKS URL", b.JWKSURL)
	for _, uri := range b.RedirectURIs {
		row(t, "Redirect URI", uri)
	}
}

func printTurns(w io.Writer, turns []keys.Turn) {
	t := newTable(w, "FOR", "KEY", "IN USE FROM")
	defer t.Flush()
	for _, turn := range turns {
		row(t, string(turn.Purpose), turn.ID, moment(turn.Begins))
	}
}

func newTable(w io.Writer, header ...string) *tabwriter.Writer {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row(t, header...)
	return t
}

func row(w io.Writer, cells ...string) {
	for i, cell := range cells {
		if cells[i] = clean(cell); cells[i] == "" {
			cells[i] = "-"
		}
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}

// clean takes out what could steer a terminal: labels and identifiers were chosen
// by others.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime + "Z")
}
