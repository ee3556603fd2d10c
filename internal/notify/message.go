// Package notify tells the owner of an account what is done in their name.
//
// A [Message] is put into the outbox in the transaction of what it tells of, so nothing happens silently, even when
// every receiver is down (SP 800-63B-4 section 4.2.3). A worker takes what is due by lease, hands it to each [Sender]
// outside any transaction, and writes down who has it. Delivery is at least once: a message keeps its ID over all
// attempts, by which receivers know a repetition. After 24 hours of failing the message is given up, and the journal
// says so.
package notify

import (
	"context"
	"time"
)

// Message is one notice. ID and At are set by [Outbox.Put].
type Message struct {
	ID          string            `json:"id"`
	Type        string            `json:"type"` // what happened, such as "device-enrolled"
	At          time.Time         `json:"at"`
	Upstream    string            `json:"upstream"`
	AccountID   string            `json:"account_id"`
	Identifiers []string          `json:"identifiers,omitempty"` // where and as whom the owner can be reached
	Reference   string            `json:"reference,omitempty"`   // what the owner can say on the phone
	Actions     []string          `json:"actions,omitempty"`
	Text        string            `json:"text"` // for the owner to read, with what to do if it was not them
	Attributes  map[string]string `json:"attributes,omitempty"`
}

// Sender delivers messages to one receiver. It is safe for concurrent use.
type Sender interface {
	// Name identifies the receiver in logs, and among the senders of an outbox, over restarts. It holds no secret.
	Name() string
	// Send returns nil once the receiver has m. It may be called again for the same m. Its error holds no secret and
	// nothing that the receiver said.
	Send(ctx context.Context, m Message) error
}
