package authority

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/throttle"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

const (
	codeLife   = 10 * time.Minute // SP 800-63B-4 section 4.1.2.2
	codeLength = 32               // symbols of 5 bits
	codeGroup  = 4
	// selectorLength symbols find the code. The other 26, 130 bits, are the verifier: above the 112 bits that SP
	// 800-63B-4 section 4.1.2.2 wants of a code that comes without the account's name.
	selectorLength = 6
	maxCodeText    = 128 // bytes that are looked at, with whatever is between the groups
)

// CodeRequest asks for an activation code.
type CodeRequest struct {
	Identifier string // name by which the account's owner is known
	// Subject is the account's stable id, where the identity provider has no admin API to ask. Empty everywhere else.
	Subject string
	As      string // who asks; journalled and told to the owner
}

// Code is an activation code. Text is a secret; it is kept nowhere.
type Code struct {
	Text      string
	ExpiresAt time.Time
}

// codeLimits leave a person room to mistype, and disable a code for good within its life. Only another code helps then.
var codeLimits = throttle.Limits{Soft: 5, FirstRest: 30 * time.Second, LastRest: time.Minute, Hard: 10}

// codeRecord is a code that waits for its device. A spent code is deleted, a disabled one stays until it expires.
type codeRecord struct {
	Selector    string    `json:"selector"`
	Verifier    []byte    `json:"verifier"` // keyed hash
	AccountID   string    `json:"account_id"`
	Identifier  string    `json:"identifier"` // canonical, as asked for
	Identifiers []string  `json:"identifiers"`
	By          string    `json:"by"`
	ExpiresAt   time.Time `json:"expires_at"`

	Session []byte `json:"session,omitempty"` // that made it and has to confirm the device, see [Owner]; none: an administrator made it
	Epoch   uint64 `json:"epoch,omitzero"`    // of the account then; what raises it ends the session
}

func newCodes(namespace string, sealer storage.Sealer) *storage.Table[codeRecord] {
	return storage.NewTable(storage.TableConfig[codeRecord]{
		Name:    namespace + "/activation-code",
		Version: 1,
		ID:      func(c *codeRecord) []byte { return []byte(c.Selector) },
		Expires: func(c *codeRecord) time.Time { return c.ExpiresAt },
		// Whoever could add a code could add an authenticator.
		Sealer: sealer,
	})
}

// NewCode makes an activation code for an account, good for ten minutes and one device. It is journalled, and the
// owner is told. The errors are [ErrRequest], [ErrDisabled] and those of [upstream.Adapter]'s Resolve and State.
func (a *Authority) NewCode(ctx context.Context, r CodeRequest) (Code, error) {
	if err := checkName("name of who asks", r.As, 1); err != nil {
		return Code{}, err
	}
	identifier, err := attest.ParseIdentifier(r.Identifier)
	if err != nil {
		return Code{}, fmt.Errorf("%w: %v", ErrRequest, err)
	}
	owner, err := a.owner(ctx, identifier.String(), r.Subject)
	if err != nil {
		return Code{}, err
	}
	var code Code
	err = a.DB.Update(ctx, func(tx storage.Tx) error {
		code, err = a.makeCode(tx, codeRecord{
			AccountID: owner.ID, Identifier: identifier.String(), Identifiers: owner.Identifiers, By: r.As, ExpiresAt: tx.Now().Add(codeLife),
		})
		return err
	})
	if err != nil {
		return Code{}, fmt.Errorf("storing an activation code: %w", err)
	}
	return code, nil
}

// makeCode makes a code for what r says.
func (a *Authority) makeCode(tx storage.Tx, r codeRecord) (Code, error) {
	text := newCodeText()
	selector, verifier, _ := parseCode(text)
	r.Selector, r.Verifier, r.ExpiresAt = selector, a.hashCode(selector, verifier), r.ExpiresAt.UTC()
	if err := a.codes.Insert(tx, &r); err != nil {
		return Code{}, err
	}
	return Code{Text: text, ExpiresAt: r.ExpiresAt}, a.record(tx, event{
		kind: journal.KindActivationCodeMade, as: r.By, own: r.Session != nil, accountID: r.AccountID, identifiers: r.Identifiers,
	})
}

// owner finds the account that a code is for. Without an admin API, what the administrator says is all there is to
// know.
func (a *Authority) owner(ctx context.Context, identifier, subject string) (upstream.Account, error) {
	if !a.Adapter.Facts().Admin {
		if err := checkText("subject", subject, 1, attest.MaxIdentifier); err != nil {
			return upstream.Account{}, err
		}
		return upstream.Account{ID: subject, Identifiers: []string{identifier}}, nil
	}
	if subject != "" {
		return upstream.Account{}, fmt.Errorf("%w: the subject is the identity provider's to say", ErrRequest)
	}
	found, err := a.Adapter.Resolve(ctx, identifier)
	if err != nil {
		return upstream.Account{}, fmt.Errorf("finding the account: %w", err)
	}
	state, err := a.Adapter.State(ctx, found.ID)
	if err != nil {
		return upstream.Account{}, fmt.Errorf("reading the account: %w", err)
	}
	if !state.Enabled {
		return upstream.Account{}, ErrDisabled
	}
	return state.Account, nil
}

// consume spends the code in tx and returns what it was for, as look does.
func (a *Authority) consume(tx storage.Tx, selector, verifier string) (*codeRecord, error) {
	record, err := a.look(tx, selector, verifier)
	if err != nil || record == nil {
		return nil, err
	}
	return record, a.codes.Delete(tx, []byte(selector))
}

// look returns what the code is for; nil if it is not good. A wrong verifier is counted: then too the caller must let tx
// commit, and only afterwards answer [ErrCode].
func (a *Authority) look(tx storage.Tx, selector, verifier string) (*codeRecord, error) {
	hash := a.hashCode(selector, verifier) // for an unknown selector too, so that it costs the same
	record, err := a.codes.Get(tx, []byte(selector))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	outcome, err := a.guesses.Judge(tx, codeSecret(record), hmac.Equal(hash, record.Verifier))
	switch {
	case err != nil:
		return nil, err
	case outcome == throttle.Right:
		return a.current(tx, record)
	case outcome == throttle.Last:
		return nil, a.record(tx, event{
			kind: journal.KindActivationCodeDisabled, accountID: record.AccountID, identifiers: record.Identifiers,
			own: record.Session != nil, detail: map[string]string{"made_by": record.By},
		})
	default:
		return nil, nil
	}
}

// current is the code, unless its session was ended by a raised epoch.
func (a *Authority) current(tx storage.Tx, c *codeRecord) (*codeRecord, error) {
	if c.Session == nil {
		return c, nil
	}
	epoch, err := a.Accounts.Epoch(tx, c.AccountID)
	if err != nil || epoch != c.Epoch {
		return nil, err
	}
	return c, nil
}

// codeSecret names a code among all that can be guessed.
func codeSecret(c *codeRecord) throttle.Secret {
	return throttle.Secret{ID: "activation-code/" + c.Selector, Expires: c.ExpiresAt}
}

func (a *Authority) hashCode(selector, verifier string) []byte {
	return a.Ring.MAC(keys.Secrets, []byte("activation-code"), []byte(selector), []byte(verifier))
}

// symbols is Crockford's base 32: no letter that is easily misread.
const symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newCodeText makes 160 random bits, in groups of four symbols.
func newCodeText() string {
	var raw [codeLength * 5 / 8]byte
	rand.Read(raw[:])
	text := base32.NewEncoding(symbols).EncodeToString(raw[:])
	groups := make([]string, 0, codeLength/codeGroup)
	for ; text != ""; text = text[codeGroup:] {
		groups = append(groups, text[:codeGroup])
	}
	return strings.Join(groups, "-")
}

// parseCode reads a code as a person types it: in either case, with O for 0 and I or L for 1, with hyphens and spaces
// or without.
func parseCode(text string) (selector, verifier string, err error) {
	if len(text) > maxCodeText {
		return "", "", ErrCode
	}
	read := make([]byte, 0, codeLength)
	for _, c := range []byte(text) {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		switch c {
		case '-', ' ', '\t', '\r', '\n':
			continue
		case 'O':
			c = '0'
		case 'I', 'L':
			c = '1'
		}
		if !strings.ContainsRune(symbols, rune(c)) {
			return "", "", ErrCode
		}
		read = append(read, c)
	}
	if len(read) != codeLength {
		return "", "", ErrCode
	}
	return string(read[:selectorLength]), string(read[selectorLength:]), nil
}
