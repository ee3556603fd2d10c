package keycloak

// flow is an authentication flow: steps in their order.
type flow struct {
	Alias       string `json:"alias"`
	Description string `json:"description"`
	Steps       []step `json:"steps"`
}

// step is an authenticator, or a flow inside of a flow.
type step struct {
	Authenticator string            `json:"authenticator,omitzero"`
	Subflow       string            `json:"subflow,omitzero"` // alias
	Requirement   string            `json:"requirement"`
	Config        map[string]string `json:"config,omitzero"`
	Steps         []step            `json:"steps,omitzero"` // of the subflow
}

// Aliases of the flows.
const (
	recoverFlow    = "regrant recover"
	firstLoginFlow = "regrant first login"
	stepUpFlow     = "regrant step-up"
)

const (
	required    = "REQUIRED"
	alternative = "ALTERNATIVE"
	conditional = "CONDITIONAL"
)

// gold is the class of a sign-in with a second factor, and what the client calls the levels of the flow.
const (
	gold   = "gold"
	levels = `{"gold":2}`
)

func (o Options) flows() []flow {
	return []flow{
		{firstLoginFlow, "Closed: only the recovery gateway makes links, one for each recovery", []step{
			{Authenticator: "deny-access-authenticator", Requirement: required},
		}},
		{recoverFlow, "Forgot password leads to the recovery gateway, inside the same authentication session", []step{
			{Authenticator: "identity-provider-redirector", Requirement: required, Config: map[string]string{"defaultProvider": o.Alias}},
		}},
		{stepUpFlow, "One factor, and a second one where the class gold is asked for", []step{
			{Authenticator: "auth-cookie", Requirement: alternative},
			{Authenticator: "identity-provider-redirector", Requirement: alternative},
			{Subflow: "regrant step-up forms", Requirement: alternative, Steps: []step{
				{Subflow: "regrant one factor", Requirement: conditional, Steps: []step{
					level("1"),
					{Authenticator: "auth-username-password-form", Requirement: required},
				}},
				{Subflow: "regrant two factors", Requirement: conditional, Steps: []step{
					level("2"),
					{Subflow: "regrant second factor", Requirement: required, Steps: []step{
						{Authenticator: "auth-otp-form", Requirement: alternative},
						{Authenticator: "webauthn-authenticator", Requirement: alternative},
						{Authenticator: "auth-recovery-authn-code-form", Requirement: alternative},
					}},
				}},
			}},
		}},
	}
}

// level is the condition under which a subflow is taken: its level is asked for, each time anew.
func level(n string) step {
	return step{
		Authenticator: "conditional-level-of-authentication", Requirement: required,
		Config: map[string]string{"loa-condition-level": n, "loa-max-age": "0"},
	}
}
