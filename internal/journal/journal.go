// Package journal keeps what happened, for the people who have to answer for it.
//
// An [Entry] is written in the transaction of what it tells of: neither is ever there without the other. Entries are
// only added, each under a random key of its own, so that no two transactions meet on a counter. Each carries a
// random salt, with which a later commitment to it gives nothing away. An entry names accounts by their stable id,
// never by an address.
package journal

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/regrant/regrant/internal/observe"
	"github.com/regrant/regrant/storage"
)

// Kind says what happened.
type Kind string

// The kinds of entries.
const (
	KindRecoveryRefused        Kind = "recovery-refused"
	KindRecoveryProving        Kind = "recovery-proving"
	KindRecoveryRehearsed      Kind = "recovery-rehearsed"
	KindRecoveryGranted        Kind = "recovery-granted"
	KindRecoveryDelayed        Kind = "recovery-delayed" // a step could not be done just now
	KindRecoveryRedeemed       Kind = "recovery-redeemed"
	KindRecoverySession        Kind = "recovery-session"
	KindRecoveryDone           Kind = "recovery-done"
	KindRecoveryAbandoned      Kind = "recovery-abandoned"
	KindAuthenticatorDisabled  Kind = "authenticator-disabled"
	KindTokenRevoked           Kind = "token-revoked"
	KindActivationCodeMade     Kind = "activation-code-made"
	KindDeviceEnrolled         Kind = "device-enrolled"
	KindDeviceVouched          Kind = "device-vouched"     // enrolled because its certificate names the account
	KindDeviceConfirmed        Kind = "device-confirmed"   // by the session that made its code
	KindDeviceDisowned         Kind = "device-disowned"    // the owner says that it is not theirs
	KindDeviceUnconfirmed      Kind = "device-unconfirmed" // nobody confirmed it in time
	KindAuthenticatorBound     Kind = "authenticator-bound"
	KindAuthenticatorRemoved   Kind = "authenticator-removed"
	KindAuthenticatorLost      Kind = "authenticator-lost"
	KindEnrolmentRefused       Kind = "enrolment-refused"
	KindAuthenticatorRevoked   Kind = "authenticator-revoked"
	KindAccountChanged         Kind = "account-changed" // seen at the identity provider
	KindNoticeFailed           Kind = "notice-failed"
	KindKeysRotated            Kind = "keys-rotated"
	KindActivationCodeDisabled Kind = "activation-code-disabled"
	KindTrialBegun             Kind = "trial-begun" // of `caddy regrant try`
	KindTrialEnded             Kind = "trial-ended"
)

// Entry is one thing that happened. ID and At are set by [Journal.Append]; what does not apply is empty.
type Entry struct {
	ID            string            `json:"id"`
	At            time.Time         `json:"at"`
	Kind          Kind              `json:"kind"`
	Upstream      string            `json:"upstream,omitempty"`
	Txn           string            `json:"txn,omitempty"`       // public id of the recovery
	Reference     string            `json:"reference,omitempty"` // what the claimant can say on the phone
	AccountID     string            `json:"account_id,omitempty"`
	Authenticator string            `json:"authenticator,omitempty"`
	Actor         string            `json:"actor,omitempty"` // who did it, if not the claimant
	Detail        map[string]string `json:"detail,omitempty"`
}

// record is an entry as stored. Its form has a version of its own, because copies of it leave the store.
type record struct {
	Version int    `json:"version"`
	Salt    []byte `json:"salt"`
	Entry   Entry  `json:"entry"`
}

// byAccount and byLoss are the indexes. The second has the notices that were given up: they are few, and among all entries hard to find.
const byAccount, byLoss = "account", "loss"

// Journal is the journal of one namespace. It is safe for concurrent use.
type Journal struct{ table *storage.Table[record] }

// New makes the journal under namespace.
func New(namespace string) *Journal {
	return &Journal{storage.NewTable(storage.TableConfig[record]{
		Name:    namespace + "/journal",
		Version: 1,
		ID:      key,
		Expires: expires,
		Indexes: []storage.Index[record]{{Name: byAccount, Keys: accountKeys}, {Name: byLoss, Keys: lossKeys}},
	})}
}

// anonymous is how long a refusal is kept that concerns no account. Anybody can cause those, so they may not pile up.
const anonymous = 30 * 24 * time.Hour

func expires(r *record) time.Time {
	if r.Entry.Kind == KindRecoveryRefused && r.Entry.AccountID == "" {
		return r.Entry.At.Add(anonymous)
	}
	return time.Time{}
}

// key is the time counted down, so that the newest entry comes first, and the entry's random id.
func key(r *record) []byte {
	k := binary.BigEndian.AppendUint64(nil, math.MaxInt64-uint64(r.Entry.At.UnixNano()))
	return append(k, r.Entry.ID...)
}

func accountKeys(r *record) [][]byte {
	if r.Entry.AccountID == "" {
		return nil
	}
	return [][]byte{[]byte(r.Entry.AccountID)}
}

var lost = []byte(KindNoticeFailed)

func lossKeys(r *record) [][]byte {
	if r.Entry.Kind != KindNoticeFailed {
		return nil
	}
	return [][]byte{lost}
}

// Append adds e, with a new ID and the time of the transaction, when tx commits.
func (j *Journal) Append(tx storage.Tx, e Entry) error {
	e.ID, e.At = rand.Text(), tx.Now().UTC()
	salt := make([]byte, 16)
	rand.Read(salt)
	if err := j.table.Insert(tx, &record{Version: 1, Salt: salt, Entry: e}); err != nil {
		return fmt.Errorf("writing a journal entry: %w", err)
	}
	observe.Journaled(tx, string(e.Kind))
	return nil
}

// Recent returns the newest entries, newest first, at most limit.
func (j *Journal) Recent(r storage.Reader, limit int) ([]Entry, error) {
	return collect(j.table.All(r, nil, limit))
}

// OfAccount returns the newest entries of the account, newest first, at most limit.
func (j *Journal) OfAccount(r storage.Reader, accountID string, limit int) ([]Entry, error) {
	return collect(j.table.Each(r, byAccount, []byte(accountID), limit))
}

// NoticesFailed counts the notices that were given up since then, as far as limit.
func (j *Journal) NoticesFailed(r storage.Reader, since time.Time, limit int) (n int, err error) {
	for e, err := range j.table.Each(r, byLoss, lost, limit) {
		switch {
		case err != nil:
			return 0, fmt.Errorf("reading the journal: %w", err)
		case e.Entry.At.Before(since): // and so are all that follow
			return n, nil
		}
		n++
	}
	return n, nil
}

func collect(records iter.Seq2[*record, error]) ([]Entry, error) {
	var entries []Entry
	for r, err := range records {
		if err != nil {
			return nil, fmt.Errorf("reading the journal: %w", err)
		}
		entries = append(entries, r.Entry)
	}
	return entries, nil
}
