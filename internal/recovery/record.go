package recovery

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// HolderKind tells how a holder proves that a recovery is his.
type HolderKind string

// The two kinds of holder (protocol.md, "The holder").
const (
	HolderBrowser HolderKind = "browser" // a cookie; Value is the base64url SHA-256 of its secret
	HolderProgram HolderKind = "program" // a DPoP key; Value is its RFC 7638 thumbprint
)

// Holder is whoever started a recovery, or, once it was handed over, the browser that ends it.
type Holder struct {
	Value string     `json:"value"`
	Kind  HolderKind `json:"kind"`
}

// record is one recovery in which something was proved. It is kept until retention after its end, for the journal's readers.
type record struct {
	Txn       string          `json:"txn"`       // public id, also in statement and token
	Reference string          `json:"reference"` // 8 characters to say on the phone; random, apart from Txn
	State     State           `json:"state"`
	Actions   []attest.Action `json:"actions"`
	Holder    Holder          `json:"holder"`
	ClientID  string          `json:"client_id"`

	Identifier  string    `json:"identifier"` // as typed, canonical
	AccountID   string    `json:"account_id"` // stable upstream id
	Identifiers []string  `json:"identifiers"`
	Epoch       uint64    `json:"epoch"` // the account's at the first proof: a later one cancels this recovery
	Network     string    `json:"network"`
	GrantedAt   time.Time `json:"granted_at"`

	Authenticators []string        `json:"authenticators"`        // what proved it
	Device         string          `json:"device"`                // their labels, for people
	Certificate    string          `json:"certificate,omitempty"` // base64url SHA-256
	Methods        []attest.Method `json:"methods,omitempty"`
	Tier           string          `json:"tier,omitempty"`       // under which it was granted
	CodesLeft      *int            `json:"codes_left,omitempty"` // of the set of which one was used

	// While policy wants more.
	Proofs    [][]byte        `json:"proofs,omitempty"`    // what was proved, see attest.Result.Keep
	Wanted    []attest.Method `json:"wanted,omitempty"`    // of which one more would be enough
	Statement string          `json:"statement,omitempty"` // of the next proof
	IDHash    []byte          `json:"id_hash,omitempty"`   // keyed hash of the recovery_id
	Burnt     bool            `json:"burnt,omitzero"`      // that recovery_id was used
	JudgedBy  time.Time       `json:"judged_by,omitzero"`  // until then what came with it may still be judged
	ProvedAt  time.Time       `json:"proved_at,omitzero"`  // the first proof

	JTI          string    `json:"jti"`
	TokenExpires time.Time `json:"token_expires"`

	Handoff        []byte    `json:"handoff,omitempty"` // keyed hash of the one-time code that a browser may bring
	HandoffExpires time.Time `json:"handoff_expires,omitzero"`
	Browser        string    `json:"browser,omitempty"` // holder value of the browser that continues
	Joined         []byte    `json:"joined,omitempty"`  // hash of the code with which it joined

	Access *grant.AccessToken `json:"access,omitempty"`

	Deadline   time.Time    `json:"deadline,omitzero"` // a completion that is not done by then is abandoned
	Lease      string       `json:"lease,omitempty"`   // who does a step just now
	LeaseUntil time.Time    `json:"lease_until,omitzero"`
	Tries      int          `json:"tries,omitempty"`   // in the present state, to space them out
	Done       int          `json:"done,omitempty"`    // of the steps, see advance
	Delayed    []string     `json:"delays,omitempty"`  // steps that the journal has as ones that could not be done
	Subject    string       `json:"subject,omitempty"` // broker subject of the way in; stored before the way is made
	Code       *broker.Code `json:"code,omitempty"`    // the login's authorization code, while it may be redeemed
	RedeemedAt time.Time    `json:"redeemed_at,omitzero"`
	Answered   bool         `json:"answered,omitzero"` // the session came with our own answer, not with a login
	Entry      string       `json:"entry,omitempty"`   // what it was made with; asked for again, it leads to the same place
	EndedAt    time.Time    `json:"ended_at,omitzero"`
	Ending     string       `json:"ending,omitempty"` // why it is abandoned
}

// Names of the indexes.
const (
	byID      = "id"      // unique
	byHandoff = "handoff" // unique
	byBrowser = "browser"
	byAccess  = "access"  // unique
	byCode    = "code"    // unique
	byAccount = "account" // recoveries whose steps could meet those of another
)

func tableConfig(namespace string, sealer storage.Sealer) storage.TableConfig[record] {
	one := func(ok bool, key []byte) [][]byte {
		if !ok {
			return nil
		}
		return [][]byte{key}
	}
	return storage.TableConfig[record]{
		Name:    namespace + "/recovery",
		Version: 3,
		Upgrade: upgrade,
		ID:      func(r *record) []byte { return []byte(r.Txn) },
		Expires: func(r *record) time.Time {
			if r.EndedAt.IsZero() {
				return time.Time{}
			}
			return r.EndedAt.Add(retention)
		},
		Indexes: []storage.Index[record]{
			{Name: byID, Unique: true, Keys: func(r *record) [][]byte { return one(len(r.IDHash) > 0, r.IDHash) }},
			{Name: byHandoff, Unique: true, Keys: func(r *record) [][]byte { return one(len(r.Handoff) > 0, r.Handoff) }},
			{Name: byBrowser, Keys: func(r *record) [][]byte {
				doneHere := r.State == StateDone && !r.signsIn() // the browser may ask again what came of it
				mayRepeat := r.State == StateFinish && r.Answered
				return one(r.Browser != "" && (r.completing() || doneHere || mayRepeat || r.State == StateGranted), []byte(r.Browser))
			}},
			{Name: byAccount, Keys: func(r *record) [][]byte {
				return one(r.completing() || r.State == StateFinish, []byte(r.AccountID))
			}},
			{Name: byAccess, Unique: true, Keys: func(r *record) [][]byte {
				if r.Access == nil {
					return nil
				}
				return one(true, []byte(r.Access.Signature))
			}},
			{Name: byCode, Unique: true, Keys: func(r *record) [][]byte {
				if r.Code == nil {
					return nil
				}
				return one(true, []byte(r.Code.Signature))
			}},
		},
		Sealer: sealer,
	}
}

// completing reports whether rec is between its redeeming and its session.
func (r *record) completing() bool {
	switch r.State {
	case StatePrepare, StateSession:
		return true
	default:
		return false
	}
}

// waits reports whether rec is at a state that only its person moves it out of.
func (r *record) waits() bool {
	return r.State == StateProving || r.State == StateGranted || r.State == StateSession
}

// late reports whether the time for the present state is over. What comes after the session is not bound by it.
func (r *record) late(now time.Time) bool {
	switch {
	case r.State == StateProving:
		return !now.Before(r.Deadline)
	case r.State == StateGranted:
		return !now.Before(r.TokenExpires)
	case r.completing():
		return now.After(r.Deadline)
	default:
		return false
	}
}

// repeats reports whether whoever the session was made for may ask for it again: its answer may have been lost. The session
// is then made anew in the place of the one before.
func (r *record) repeats(now time.Time) bool {
	return r.State == StateFinish && r.Answered && now.Before(r.RedeemedAt.Add(upstream.AnswerLife))
}

// unfinished is why a recovery whose session was to show ends without it.
func (r *record) unfinished() string {
	setsOne := func(a attest.Action) bool { return a != attest.ActionSignIn && a != attest.ActionRevokeSessions }
	if r.Answered && slices.ContainsFunc(r.Actions, setsOne) {
		return "no new credential was set"
	}
	return "no session came"
}

// vetoed reports whether the owner, or somebody for him, stopped r.
func (r *record) vetoed() bool { return r.Ending == whyVetoed || r.Ending == whyRevoked }

// leased reports whether somebody does a step just now.
func (r *record) leased(now time.Time) bool { return r.Lease != "" && now.Before(r.LeaseUntil) }

// codeLives reports whether a login's authorization code is out that may still be redeemed.
func (r *record) codeLives(now time.Time) bool { return r.Code != nil && now.Before(r.Code.ExpiresAt) }

// signsIn reports whether this recovery ends in a session.
func (r *record) signsIn() bool { return hasAction(r.Actions, attest.ActionSignIn) }

func hasAction(actions []attest.Action, a attest.Action) bool {
	for _, have := range actions {
		if have == a {
			return true
		}
	}
	return false
}

// upgrade reads version 1, in which one authenticator proved a recovery, in the one tier that there was, and version 2, in which each
// step before the session was a state of its own. Steps may be done twice.
func upgrade(version byte, old []byte) ([]byte, error) {
	var doc map[string]any
	if err := json.Unmarshal(old, &doc); err != nil {
		return nil, err
	}
	if version < 2 {
		proved, _ := doc["authenticator"].(string)
		if proved == "" {
			return nil, errors.New("what is stored does not say what proved it")
		}
		doc["authenticators"], doc["tier"], doc["methods"] = []string{proved}, attest.MethodDeviceCertificate, []attest.Method{attest.MethodDeviceCertificate}
		delete(doc, "authenticator")
	}
	if doc["state"] == "check" || doc["state"] == "revoke" {
		doc["state"] = StatePrepare
	}
	return json.Marshal(doc)
}
