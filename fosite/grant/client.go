package grant

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	oryfosite "github.com/ory/fosite"
)

// A Client may exchange the recovery tokens that were issued to it.
type Client struct {
	ID string
	// Public says that the client has no credential: whoever holds the DPoP key of a recovery is the client.
	Public bool
	// Credential is how any other client proves itself.
	Credential Credential
}

// A Credential is how a client proves itself: a [Secret], [AssertionKeys] or a [CertificateField].
type Credential interface {
	// method is its name in the registry of RFC 7591 ("token_endpoint_auth_methods_supported").
	method() string
	// shows is what a request has to bring besides client_id; a request that brings something else is refused.
	shows() shown
	// accepts judges what was presented for the client id.
	accepts(s *Server, id string, p presented) error
}

// registered is a client as the server keeps it.
type registered struct {
	Client
	fosite *oryfosite.DefaultClient
}

// userLike are the forms in which accounts and recoveries are named: UUIDs of identity providers, our public ids and our
// random subjects. A client of such a name could be taken for one (RFC 9700 §4.15).
var userLike = regexp.MustCompile(`^(?i:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-z]{26})$|^[A-Za-z0-9_-]{43}$`)

// CheckClientID refuses identifiers that no client may have.
func CheckClientID(id string) error {
	switch {
	case id == "":
		return errors.New("a client has no identifier")
	case id == ClientDevice || id == ClientBrowser:
		return fmt.Errorf("client %q is built in: choose another identifier", id)
	case len(id) > maxClientID:
		return fmt.Errorf("client %q: an identifier has at most %d characters", id, maxClientID)
	case userLike.MatchString(id):
		return fmt.Errorf("client %q looks like the identifier of an account or a recovery: choose a name, such as help-desk-app", id)
	}
	return nil
}

const maxClientID = 128

// register joins the configured clients to the built-in ones. ClientBrowser has no grant type: it is known, and
// refused.
func (s *Server) register(configured []Client) error {
	s.clients = map[string]*registered{
		ClientBrowser: {Client{ID: ClientBrowser, Public: true}, &oryfosite.DefaultClient{ID: ClientBrowser, Public: true}},
		ClientDevice:  newRegistered(Client{ID: ClientDevice, Public: true}),
	}
	for _, client := range configured {
		if err := CheckClientID(client.ID); err != nil {
			return err
		}
		switch {
		case s.clients[client.ID] != nil:
			return fmt.Errorf("client %q is there twice", client.ID)
		case client.Public == (client.Credential != nil):
			return fmt.Errorf("client %q must be either public or have one credential", client.ID)
		}
		if err := s.claimKeys(client); err != nil {
			return err
		}
		s.clients[client.ID] = newRegistered(client)
	}
	return nil
}

// claimKeys refuses a client's key that has another purpose already: what is signed with it for one could be shown for
// the other (RFC 8725 §3.12).
func (s *Server) claimKeys(client Client) error {
	keys, ok := client.Credential.(*AssertionKeys)
	if !ok {
		return nil
	}
	for _, thumbprint := range keys.Thumbprints() {
		if owner := s.ownerOf(thumbprint); owner != "" {
			return fmt.Errorf("client %q: its key is also the key of %s: give each its own", client.ID, owner)
		}
		s.clientKeys[thumbprint] = client.ID
	}
	return nil
}

// ownerOf says whose a key is that has a purpose already, "" if it has none. The server's own keys are those of this
// moment: they rotate.
func (s *Server) ownerOf(thumbprint string) string {
	if id, ok := s.clientKeys[thumbprint]; ok {
		return fmt.Sprintf("client %q", id)
	}
	if s.keys.Now().Public()[thumbprint] != nil || slices.Contains(s.otherKeys(), thumbprint) {
		return "this server"
	}
	return ""
}

func newRegistered(c Client) *registered {
	return &registered{c, &oryfosite.DefaultClient{
		ID: c.ID, Public: c.Public, GrantTypes: []string{GrantType}, Scopes: []string{ScopeComplete},
	}}
}

// HasClient reports whether a program may start a recovery for the client id.
func (s *Server) HasClient(id string) bool {
	client, ok := s.clients[id]
	return ok && client.fosite.GetGrantTypes().Has(GrantType)
}

// confidential reports whether the client proves itself with a credential of its own.
func (c *registered) confidential() bool { return c.Credential != nil }
