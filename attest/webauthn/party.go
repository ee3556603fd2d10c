package webauthn

// Party is the relying party: what is expected of every ceremony. The zero value accepts nothing.
type Party struct {
	// RPIDs are the RP IDs under which credentials may have been made.
	RPIDs []string

	// Origins are the origins at which ceremonies may take place; compared as they are.
	Origins []string

	// CrossOrigin allows ceremonies in a frame of another site that the client does not name.
	CrossOrigin bool

	// TopOrigins are the sites in whose frames ceremonies may take place.
	TopOrigins []string

	// UnverifiedUser accepts authenticators that did not verify their user (user verification "preferred").
	UnverifiedUser bool
}
