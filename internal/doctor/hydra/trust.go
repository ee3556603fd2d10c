package hydra

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/regrant/regrant/internal/doctor"
)

const trustsPath = "/admin/trust/grants/jwt-bearer/issuers"

// trust is an issuer whose assertions Hydra takes (RFC 7523).
type trust struct {
	Issuer  string    `json:"issuer"`
	Any     bool      `json:"allow_any_subject"`
	Expires time.Time `json:"expires_at"`
}

// trustChecks judge whose assertions Hydra takes for people.
var trustChecks = []doctor.Check[*doctor.Server]{
	{
		ID: "hydra-trusts", Asks: "Is nothing left of the trusts that the gateway makes for one exchange?",
		Remedy: "Take these trusts away with DELETE " + trustsPath + "/ID at the admin API, and see the log of Caddy for why the gateway could not: Hydra does not hold the end of a trust against an assertion.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			return trusts(ctx, s, doctor.Fault, func(t trust, own bool) string {
				switch {
				case own && t.Any:
					return fmt.Sprintf("%s is trusted for everybody, which the gateway never asks for", t.Issuer)
				case own && time.Now().After(t.Expires):
					return fmt.Sprintf("%s is trusted since before %s", t.Issuer, t.Expires.UTC().Format(time.RFC3339))
				}
				return ""
			}, "nothing is left of them")
		},
	},
	{
		ID: "hydra-trusts-any", Asks: "Does no key speak for everybody?",
		Remedy: "Trust an issuer for the subjects that it is to speak for: whoever has the key of one that is trusted for any subject has every account.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			return trusts(ctx, s, doctor.Doubt, func(t trust, own bool) string {
				if own || !t.Any {
					return ""
				}
				return fmt.Sprintf("%s is trusted for any subject", t.Issuer)
			}, "nobody is trusted for any subject")
		},
	},
}

// trusts judges each trust, which is the gateway's own or not. Of a Hydra whose login app Kratos is, none is.
func trusts(ctx context.Context, s *doctor.Server, judge func([]string, string) doctor.Verdict, say func(t trust, own bool) string, otherwise string) doctor.Verdict {
	standing, err := list[trust](ctx, s, trustsPath)
	if err != nil {
		return doctor.Unknown("%v", err)
	}
	var lines []string
	for _, t := range standing {
		own := s.Provider.Kind == "hydra" && strings.HasPrefix(t.Issuer, s.Issuer()+"/")
		if line := say(t, own); line != "" {
			lines = append(lines, line)
		}
	}
	return judge(lines, otherwise)
}
