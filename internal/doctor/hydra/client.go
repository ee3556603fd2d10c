package hydra

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/hydra"
)

const (
	clientsPath = "/admin/clients"
	byCode      = "authorization_code"
	byImplicit  = "implicit"
	byJWT       = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	byBasic     = "client_secret_basic"
)

// client is what is read of one.
type client struct {
	ID        string   `json:"client_id"`
	Grants    []string `json:"grant_types"`
	Responses []string `json:"response_types"`
	Redirects []string `json:"redirect_uris"`
	Audience  []string `json:"audience"`
	Origins   []string `json:"allowed_cors_origins"`
	Scope     string   `json:"scope"`
	Method    string   `json:"token_endpoint_auth_method"`
	Subject   string   `json:"subject_type"`
	Life      string   `json:"jwt_bearer_grant_access_token_lifespan"`
}

// clientChecks judge the clients, of which the admin API tells everything but the secrets.
var clientChecks = []doctor.Check[*doctor.Server]{
	{
		ID: "hydra-client", Asks: "Has the gateway's client the rights that it needs, and no more?",
		Remedy: "Run 'caddy regrant init hydra', which shows what it should be, and with --apply makes it that.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			c, v := ours(ctx, s, s.Provider.ClientID)
			if c == nil {
				return v
			}
			scopes := strings.Fields(c.Scope)
			lines := append(c.wide([]string{byCode}, []string{"code"}, []string{callback(s)}), beyond("its sign-ins may ask for the scope", scopes, hydra.LoginScopes())...)
			return doctor.Fault(append(lines, missing("its sign-ins may not ask for the scope", scopes, hydra.LoginScopes())...), "it signs people in, and does nothing else")
		},
	},
	{
		ID: "hydra-subject", Asks: "Is the subject that the gateway knows somebody by the one that Hydra knows him by?",
		Remedy: "Set subject_type of the gateway's client to public: a recovery for any other subject signs in nobody.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			c, v := ours(ctx, s, s.Provider.ClientID)
			switch {
			case c == nil:
				return v
			case c.Subject != "public":
				return doctor.Fail("the gateway's client has subjects of its own (%s)", c.Subject)
			}
			return doctor.Pass("it is public")
		},
	},
	{
		ID: "hydra-grant-client", Asks: "Has the client of upstream_grant the rights that it needs, and no more?",
		Remedy: "Run 'caddy regrant init hydra --upstream-grant SCOPE', which shows what it should be, and with --apply makes it that.",
		Look: ofGrant(func(c client) doctor.Verdict {
			return doctor.Fault(c.wide([]string{byJWT}, nil, nil), "it takes assertions, and does nothing else")
		}),
	},
	{
		ID: "hydra-grant-life", Asks: "Do the access tokens of programs end soon? No veto ends them.",
		Remedy: "Give the client of upstream_grant a jwt_bearer_grant_access_token_lifespan of a few minutes.",
		Look: ofGrant(func(c client) doctor.Verdict {
			switch life, err := time.ParseDuration(c.Life); {
			case err != nil:
				return doctor.Warn("its client does not say, so they live as long as all others (ttl.access_token)")
			case life > maxLife:
				return doctor.Warn("they live for %s", life)
			}
			return doctor.Pass("they live for %s", c.Life)
		}),
	},
	{
		ID: "hydra-implicit", Asks: "Does no application get tokens in addresses?",
		Remedy: "Take the grant type implicit, and every response type but code, from these clients.",
		Look: all(doctor.Doubt, func(c client) (lines []string) {
			if slices.Contains(c.Grants, byImplicit) {
				lines = append(lines, c.ID+" may")
			}
			return lines
		}, "none does"),
	},
	{
		ID: "hydra-redirects", Asks: "Do codes go to applications with TLS only?",
		Remedy: "Write https addresses into redirect_uris of these clients.",
		Look: all(doctor.Doubt, func(c client) (lines []string) {
			for _, to := range c.Redirects {
				if u, err := url.Parse(to); err == nil && u.Scheme == "http" && !upstream.Loopback(u.Hostname()) {
					lines = append(lines, fmt.Sprintf("those of %s go to %s", c.ID, u.Host))
				}
			}
			return lines
		}, "they do, or stay on the machine of the person"),
	},
}

// maxLife is how long a token may live that nothing ends.
const maxLife = 15 * time.Minute

func callback(s *doctor.Server) string { return s.Issuer() + "/login/callback" }

// ours reads a client that the gateway is configured with. Nil: the verdict says why.
func ours(ctx context.Context, s *doctor.Server, id string) (*client, doctor.Verdict) {
	a, err := s.AskAdmin(ctx, clientsPath+"/"+url.PathEscape(id))
	var c client
	switch {
	case err != nil:
		return nil, doctor.Unknown("%v", err)
	case a.Status == http.StatusNotFound:
		return nil, doctor.Fail("Hydra has no client %s", id)
	case a.Status != http.StatusOK || json.Unmarshal([]byte(a.Body), &c) != nil || c.ID != id:
		return nil, doctor.Unknown("the admin API does not tell the client %s: status %d", id, a.Status)
	}
	return &c, doctor.Verdict{}
}

// ofGrant makes a check of what is to be said of the client of upstream_grant, where there is one.
func ofGrant(judge func(client) doctor.Verdict) func(context.Context, *doctor.Server) doctor.Verdict {
	return func(ctx context.Context, s *doctor.Server) doctor.Verdict {
		if s.Provider.GrantID == "" {
			return doctor.Pass("programs get no tokens")
		}
		c, v := ours(ctx, s, s.Provider.GrantID)
		if c == nil {
			return v
		}
		return judge(*c)
	}
}

// wide tells what a client may do beyond grants, responses and redirects, and what it needs and may not.
func (c client) wide(grants, responses, redirects []string) (lines []string) {
	if c.Method != byBasic {
		lines = append(lines, fmt.Sprintf("it proves itself by %s, not by %s", c.Method, byBasic))
	}
	for _, kind := range []struct {
		more, less string
		have, want []string
	}{
		{"it may use the grant", "it may not use the grant", c.Grants, grants},
		{"it may ask for the response", "it may not ask for the response", c.Responses, responses},
		{"its codes may go to", "its codes may not go to", c.Redirects, redirects},
		{"its tokens may be for the audience", "", c.Audience, nil},
		{"its tokens may be read by pages of", "", c.Origins, nil},
	} {
		lines = append(lines, beyond(kind.more, kind.have, kind.want)...)
		lines = append(lines, missing(kind.less, kind.have, kind.want)...)
	}
	return lines
}

func beyond(words string, have, want []string) (lines []string) {
	for _, one := range have {
		if !slices.Contains(want, one) {
			lines = append(lines, words+" "+one)
		}
	}
	return lines
}

func missing(words string, have, want []string) []string { return beyond(words, want, have) }

// all makes a check of what is to be said of every client.
func all(judge func([]string, string) doctor.Verdict, say func(client) []string, otherwise string) func(context.Context, *doctor.Server) doctor.Verdict {
	return func(ctx context.Context, s *doctor.Server) doctor.Verdict {
		clients, err := list[client](ctx, s, clientsPath)
		if err != nil {
			return doctor.Unknown("%v", err)
		}
		var lines []string
		for _, c := range clients {
			lines = append(lines, say(c)...)
		}
		return judge(lines, otherwise)
	}
}

// page is how many members of a list are asked for at once, which is as many as are looked at.
const page = 500

// list reads a list of the admin API, and refuses one that it does not tell whole.
func list[T any](ctx context.Context, s *doctor.Server, path string) ([]T, error) {
	items, err := some[T](ctx, s, path)
	if err == nil && len(items) >= page {
		return nil, fmt.Errorf("there are %d or more, and only so many are looked at", page)
	}
	return items, err
}

// some reads a list as far as it is told at once.
func some[T any](ctx context.Context, s *doctor.Server, path string) (items []T, err error) {
	a, err := s.AskAdmin(ctx, fmt.Sprintf("%s?page_size=%d", path, page))
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusOK || json.Unmarshal([]byte(a.Body), &items) != nil || items == nil {
		return nil, fmt.Errorf("the admin API does not tell %s: status %d", path, a.Status)
	}
	return items, nil
}
