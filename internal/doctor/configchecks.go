package doctor

import "context"

// ConfigChecks judge the configuration that runs. They ask nobody.
var ConfigChecks = []Check[Config]{
	{
		ID: "caddy-admin-listen", Asks: "Does Caddy's admin endpoint, which asks for no password, listen on this machine alone?",
		Remedy: "Write 'admin localhost:2019' or 'admin unix//run/caddy/admin.sock' into the global options, or take CADDY_ADMIN out of the environment.",
		Look:   func(_ context.Context, c Config) Verdict { return c.adminListen() },
	},
	{
		ID: "caddy-admin-remote", Asks: "Is Caddy's remote administration off?",
		Remedy: "Take 'remote' out of Caddy's admin options, or let it reach no path of /regrant/ and /config/.",
		Look: func(_ context.Context, c Config) Verdict {
			if len(c.caddy.Admin.Remote) > 0 && string(c.caddy.Admin.Remote) != "null" {
				return Warn("remote administration is configured")
			}
			return Pass("remote administration is off")
		},
	},
	{
		ID: "route-unguarded", Asks: "Does every route to the identity provider lead past the directive regrant?",
		Remedy: "Write 'regrant' into that site before reverse_proxy, or take the route away: what passes there is judged by nobody.",
		Look:   ways(Fault, unguarded, "no route leads to the identity provider without the directive regrant"),
	},
	{
		ID: "route-matcher", Asks: "Does the directive regrant see every request on such a route, and not only those that match?",
		Remedy: "Write 'regrant' without a matcher, outside of handle blocks: paths have more spellings than a matcher knows.",
		Look:   ways(Fault, byMatcher, "the directive regrant has no matcher where it stands before the identity provider"),
	},
	{
		ID: "route-order", Asks: "Does the directive regrant come before the proxy?",
		Remedy: "Put 'regrant' before 'reverse_proxy', or leave the order to Caddy by taking both out of a 'route' block.",
		Look:   ways(Fault, afterwards, "the directive regrant comes first"),
	},
	{
		ID: "route-rewrite", Asks: "Does the identity provider get the path that was judged?",
		Remedy: "Put 'rewrite' and 'uri' before 'regrant', where Caddy puts them by itself, and take 'rewrite' out of reverse_proxy.",
		Look:   ways(Fault, rewritten, "nothing is rewritten between the directive regrant and the identity provider"),
	},
	{
		ID: "route-dynamic", Asks: "Can be told of every proxy where it leads?",
		Remedy: "Name fixed upstreams, or see to it that these never find the identity provider.",
		Look:   detours(Doubt, undecidable, "every proxy has fixed upstreams"),
	},
	{
		ID: "idp-admin-routed", Asks: "Does no route lead to the admin API of the identity provider?",
		Remedy: "Take the route away: that API has no password, and whoever reaches it has every account.",
		Look:   detours(Fault, adminRouted, "no route leads to an admin API"),
	},
	{
		ID: "site-plain-http", Asks: "Is everything about sign-in and recovery served with TLS?",
		Remedy: "Give the site an https address, or let Caddy redirect to it.",
		Look:   Each(Fault, Config.plainSites, "it is served with TLS alone"),
	},
	{
		ID: "trusted-proxies", Asks: "Are only known proxies believed what they say of a client?",
		Remedy: "Name the addresses of your proxies in trusted_proxies: now a client chooses its address, and host and scheme that the identity provider sees.",
		Look:   Each(Fault, Config.looseProxies, "nobody is trusted who is not named"),
	},
	{
		ID: "trusted-proxies-strict", Asks: "Is of a list of addresses the one taken that a trusted proxy saw?",
		Remedy: "Write trusted_proxies_strict beside trusted_proxies.",
		Look:   Each(Doubt, Config.unstrictProxies, "the address is the one that a trusted proxy saw"),
	},
	{
		ID: "client-cert-headers", Asks: "Does nobody tell Keycloak by a header which certificate he has?",
		Remedy: "Write 'request_header -Client-Cert*' into the site: a Keycloak that looks certificates up in the headers of a proxy would believe them.",
		Look: func(ctx context.Context, c Config) Verdict {
			if c.Provider.Kind != "keycloak" {
				return Pass("only Keycloak reads them")
			}
			return ways(Doubt, certificates, "they are taken off")(ctx, c)
		},
	},
	{
		ID: "log-credentials", Asks: "Are cookies and authorizations left out of the logs?",
		Remedy: "Take log_credentials out of the global option servers.",
		Look:   Each(Fault, Config.loggedCredentials, "they are left out"),
	},
	{
		ID: "log-debug", Asks: "Do the logs keep to what operators need?",
		Remedy: "Take 'debug' out of the global options, or 'level DEBUG' out of the log.",
		Look:   Each(Doubt, Config.debugLogs, "no log is at level DEBUG"),
	},
	{
		ID: "call-plain-http", Asks: "Are identity provider and notifiers called with TLS, unless they are on this machine?",
		Remedy: "Use https: whoever listens on the way reads the client's secret and what is told of recoveries.",
		Look:   Each(Fault, Config.plainCalls, "nobody is called over plain http beyond this machine"),
	},
	{
		ID: "mode-strict", Asks: "Is the gateway the only way to recover an account?",
		Remedy: "Take 'mode assist' out of the upstream. Of upstream oidc, see to it at the provider that its own recovery is off.",
		Look: func(_ context.Context, c Config) Verdict {
			switch {
			case c.Provider.Kind == "oidc":
				return Warn("nothing is known of this provider's own recovery, and none of it is closed here")
			case !c.Strict:
				return Warn("mode assist: the identity provider's own recovery stays beside the gateway's")
			}
			return Pass("mode strict")
		},
	},
}

func detours(judge func([]string, string) Verdict, kind, otherwise string) func(context.Context, Config) Verdict {
	return func(_ context.Context, c Config) Verdict { return c.ways().judge(judge, kind, otherwise) }
}

// ways judges the ways to the identity provider. Where none was found, it may have another name in the routes than the gateway
// calls it by; but of one that brokers to the gateway nothing is guarded, wherever it is.
func ways(judge func([]string, string) Verdict, kind, otherwise string) func(context.Context, Config) Verdict {
	return func(_ context.Context, c Config) Verdict {
		w := c.ways()
		if w.led == 0 && c.Provider.Kind == "oidc" {
			return Pass("it is not behind this Caddy")
		}
		if w.led == 0 {
			return Unknown("no route leads to %s, by this name: nobody can tell which one leads to the identity provider", c.Provider.URL)
		}
		return w.judge(judge, kind, otherwise)
	}
}
